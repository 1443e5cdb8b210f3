"""Map files: a TOML file says which JSON fields of a log mean what. docs/map-files.md explains it.

Expressions are JMESPath (https://jmespath.org): they select, and run nothing. A map has one table
`[[fact]]` for each thing that a line can tell; a line may match several of them, or none.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import jmespath
import msgspec
from jmespath.exceptions import JMESPathError, ParseError

from paxcheck.misfit import misfit
from paxcheck.paxos.facts import FACTS as ALL_FACTS
from paxcheck.paxos.facts import Declaration, Fact, config
from paxcheck.protocol.errors import UsageError, Where
from paxcheck.trace.adapters.base import Adapter, Facts, Line, decoded
from paxcheck.trace.adapters.shapes import BALLOTS, check_ballots
from paxcheck.trace.read import TraceError

FACTS: dict[str, type[Fact]] = {kind.__name__: kind for kind in ALL_FACTS}
_OWN = ("is", "when", "each", "once")
_TOP = ("name", "family", "common", "fact", "declaration", "other_lines")
_FAMILIES = ("paxos", "raft", "lease")
# What else a Declaration says is about how an adapter reads: in a map it would change nothing.
_DECLARED = (
    *("promise", "reports_all", "starts_late", "duplicates", "entries"),
    *("stored_first", "accounted", "unsent", "clock_error", "cannot", "notes"),
)
_MISSING = object()


def load_map(path: Path) -> Adapter:
    """The adapter that a map file describes.

    Raises UsageError, with the file, the table and the key, for anything wrong in it.
    """
    try:
        text = path.read_bytes().decode("utf-8")
        whole = tomllib.loads(text)
    except OSError as problem:
        raise UsageError(f"{path} cannot be read: {problem.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as problem:
        raise UsageError(f"{path} is not TOML: {problem}") from None
    return _Map(path, whole)


@dataclass(frozen=True, slots=True)
class _Value:
    """How one field of a fact is found in a line."""

    where: str
    literal: Any = _MISSING
    expression: Any = None
    table: dict[str, Any] = field(default_factory=dict[str, Any])
    none: tuple[Any, ...] = ()
    scale: float | None = None
    parts: dict[str, _Value] = field(default_factory=dict[str, Any])

    def of(self, line: Line) -> Any:
        """The value in a line; None where it has none. Raises ValueError."""
        if self.literal is not _MISSING:
            return self.literal
        try:
            found = self.expression.search(line)
        except JMESPathError as problem:
            raise ValueError(f"{self.where}: {problem}") from None
        if self.parts:
            items = cast("list[Any]", found) if isinstance(found, list) else []
            return [
                {name: part.of({**line, "item": item}) for name, part in self.parts.items()}
                for item in items
                if item is not None
            ]
        # 0 is no False here: JSON keeps the two apart.
        if any(found == none and type(found) is type(none) for none in self.none):
            return None
        if self.table:
            key = str(found).lower() if isinstance(found, bool) else str(found)
            if key not in self.table:
                raise ValueError(f"{self.where}: its table has no {key!r}")
            return self.table[key]
        if self.scale is not None and found is not None:
            return float(found) * self.scale
        return found


@dataclass(slots=True)
class _Rule:
    """One table [[fact]]: which lines it is about, and what they tell."""

    kind: type[Fact]
    when: _Value | None
    each: _Value | None
    once: bool
    fields: dict[str, _Value]
    last: dict[Any, Any] = field(default_factory=dict[Any, Any])

    def facts(self, line: Line, file: str, number: int) -> Iterator[Fact]:
        """The facts of one line. Raises ValueError."""
        if self.when is not None and not self.when.of(line):
            return
        if self.each is None:
            yield from self._fact(line, file, number)
            return
        items = self.each.of(line)
        for item in items if isinstance(items, list) else []:  # pyright: ignore[reportUnknownVariableType]
            yield from self._fact({**line, "item": item}, file, number)

    def _fact(self, line: Line, file: str, number: int) -> Iterator[Fact]:
        told = {name: value.of(line) for name, value in self.fields.items()}
        for name in ("members", "voters"):
            if told.get(name) is not None:
                told[name] = _set(told[name], whole=name == "members")
        members = told.pop("members", None)
        node = told.get("node")
        told["node"] = "" if node is None else node if isinstance(node, str) else str(node)
        shown = {k: v for k, v in told.items() if v is not None}
        if self.once:
            key = (told["node"], str(told.get("slot")), told.get("inc"))
            content = msgspec.json.encode({k: v for k, v in shown.items() if k not in _MOVING})
            if self.last.get(key) == content:
                return
            self.last[key] = content
        data: dict[str, Any] = {**shown, "file": file, "line": number}
        for name in _MAY_BE_UNKNOWN:
            if name in self.kind.__struct_fields__:
                data.setdefault(name, None)
        if members is not None:
            data["members"] = {"sets": [sorted(s) for s in members.sets]}
        try:
            fact = msgspec.convert(data, self.kind)
            if self.kind in BALLOTS:
                check_ballots(fact)
        except ValueError as problem:  # of msgspec too
            told = misfit(problem, self.kind)
            raise ValueError(f"[[fact]] {self.kind.__name__}: {told}") from None
        yield fact


_MOVING = ("time", "seq", "mid")
_MAY_BE_UNKNOWN = ("ballot", "value", "candidate", "digest")


def _set(value: Any, whole: bool) -> Any:
    """Names of nodes: for `members` a configuration (of one set, or of two during a change)."""
    items: list[Any] = value if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]
    if not whole:
        return [str(item) for item in items]
    if items and all(isinstance(item, list) for item in items):
        return config(*[[str(name) for name in item] for item in items])
    return config([str(name) for name in items])


class _Map:
    """A map file as an adapter."""

    def __init__(self, path: Path, whole: dict[str, Any]) -> None:
        self.path = path
        self._refuse(whole, _TOP, "")
        self.NAME = str(whole.get("name", path.stem))
        self.DECLARATION = self._declaration(whole)
        self._skip = self._choice(whole.get("other_lines", "error"), ("error", "skip"))
        common = whole.get("common", {})
        tables: list[Any] = whole.get("fact", [])
        if not isinstance(tables, list) or not tables:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise self._wrong("it has no [[fact]]", "each says what one kind of line tells")
        self._tables: list[tuple[int, Any, Any]] = [
            (n, table, common) for n, table in enumerate(tables, 1)
        ]
        self._rules()  # all errors now, not at the first line

    def recognises(self, first: list[bytes]) -> bool:
        """Never by itself: a map is asked for."""
        return False

    def facts(self, lines: Iterable[tuple[int, str]], file: str) -> Iterator[Fact]:
        """The facts of a log, in the order of the tables for each line."""
        return self._read(self._rules(), lines, file)

    def session(self) -> Facts:
        """Reads several files: what was told once for a node is not told again."""
        rules = self._rules()
        return lambda lines, file: self._read(rules, lines, file)

    def _read(
        self, rules: list[_Rule], lines: Iterable[tuple[int, str]], file: str
    ) -> Iterator[Fact]:
        for number, text in lines:
            if self._skip == "skip" and not text.startswith("{"):
                continue
            line = decoded(text, file, number)
            for rule in rules:
                try:
                    yield from rule.facts(line, file, number)
                except (ValueError, TypeError) as problem:
                    raise TraceError(f"{self.path}: {problem}", where=Where(file, number)) from None

    def _rules(self) -> list[_Rule]:
        return [self._rule(n, table, common) for n, table, common in self._tables]

    def _rule(self, number: int, table: Any, common: Any) -> _Rule:
        at = f"[[fact]] {number}"
        if not isinstance(table, dict) or not isinstance(common, dict):
            raise self._wrong(f"{at} is not a table", "write [[fact]], then key = value lines")
        content: dict[str, Any] = {**common, **table}
        name = content.get("is")
        if name not in FACTS:
            raise self._wrong(f"{at}: is = {name!r} is no fact", f"facts: {', '.join(FACTS)}")
        kind = FACTS[name]
        known = [f for f in kind.__struct_fields__ if f not in ("file", "line")]
        here: dict[str, Any] = table  # pyright: ignore[reportUnknownVariableType]
        self._refuse(here, (*_OWN, *known), f"{at} ({name})")
        fields = {
            key: self._value(f"{at} ({name}), {key}", value)
            for key, value in content.items()
            if key in known
        }
        if "node" not in fields:
            raise self._wrong(f"{at} ({name}) has no node", "give it here or in [common]")
        when, each = content.get("when"), content.get("each")
        return _Rule(
            kind=kind,
            when=None if when is None else self._value(f"{at} ({name}), when", when),
            each=None if each is None else self._value(f"{at} ({name}), each", each),
            once=content.get("once") is True,
            fields=fields,
        )

    def _value(self, where: str, value: Any) -> _Value:
        if isinstance(value, str):
            return _Value(where, expression=self._compiled(where, value))
        if not isinstance(value, dict):
            return _Value(where, literal=value)
        content: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType]
        if "literal" in content:
            self._refuse(content, ("literal",), where)
            return _Value(where, literal=content["literal"])
        self._refuse(content, ("from", "table", "none", "scale", "each"), where)
        source = content.get("from")
        if not isinstance(source, str):
            raise self._wrong(f"{where}: it has no from", "from = 'a JMESPath expression'")
        return _Value(
            where,
            expression=self._compiled(where, source),
            table={str(k): v for k, v in content.get("table", {}).items()},
            none=tuple(content.get("none", ())),
            scale=content.get("scale"),
            parts={k: self._value(f"{where}.{k}", v) for k, v in content.get("each", {}).items()},
        )

    def _compiled(self, where: str, text: str) -> Any:
        try:
            return jmespath.compile(text)
        except ParseError as problem:
            caret = " " * max(0, problem.lex_position) + "^"
            raise self._wrong(
                f"{where}: this is not a JMESPath expression", f"{text}\n  {caret}"
            ) from None
        except (JMESPathError, RecursionError) as problem:
            raise self._wrong(f"{where}: {text!r}: {problem}", "see https://jmespath.org") from None

    def _declaration(self, whole: dict[str, Any]) -> Declaration:
        family: Any = whole.get("family", [])
        named: list[str] = [str(f) for f in family] if isinstance(family, list) else []  # pyright: ignore
        if not named or not set(named) <= set(_FAMILIES):
            raise self._wrong(f"family = {family!r}", f"a list of: {', '.join(_FAMILIES)}")
        content: dict[str, Any] = dict(whole.get("declaration", {}))
        for key in content:
            if key in Declaration.__struct_fields__ and key not in _DECLARED:
                raise self._wrong(
                    f"[declaration]: {key} would change nothing, so it may not be said in a map",
                    f"keys: {', '.join(_DECLARED)}",
                )
        self._refuse(content, _DECLARED, "[declaration]")
        try:
            return msgspec.convert({**content, "name": self.NAME, "family": family}, Declaration)
        except msgspec.ValidationError as problem:
            told = misfit(problem, Declaration)
            raise self._wrong(f"[declaration]: {told}", "see docs/map-files.md") from None

    def _choice(self, value: Any, allowed: tuple[str, ...]) -> str:
        if value not in allowed:
            raise self._wrong(f"other_lines = {value!r}", f"one of: {', '.join(allowed)}")
        return value

    def _refuse(self, table: dict[str, Any], known: Iterable[str], where: str) -> None:
        allowed = tuple(known)
        for key in table:
            if key not in allowed:
                at = f"{where}: " if where else ""
                raise self._wrong(f"{at}no key is called {key!r}", f"keys: {', '.join(allowed)}")

    def _wrong(self, what: str, hint: str) -> UsageError:
        return UsageError(f"{self.path}: {what}", hint=hint)
