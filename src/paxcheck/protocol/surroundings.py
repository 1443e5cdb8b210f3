"""Notices that a step or a property changes what is not a field: a global, a constant, a class.

A step depends on a node's fields and a message only; the engines call a handler once for each
such pair and keep the answer. Code that remembers something elsewhere would make their answers
wrong without a word. So all that a model's code can reach by name is looked at now and then: what
is immutable must be the same object, what is not must have the same content.
"""

from __future__ import annotations

import dataclasses
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from types import FunctionType, ModuleType
from typing import Any, Final, NamedTuple

from paxcheck.protocol.errors import ModelError, is_model_file, where_of, where_of_class
from paxcheck.protocol.node import Node
from paxcheck.protocol.protocol import Protocol
from paxcheck.protocol.values import Record, is_frozen

_PLAIN: Final = frozenset({type(None), bool, int, float, complex, str, bytes, range})
_CONTAINERS: Final = (list, tuple, set, frozenset, deque, bytearray)
_OURS: Final = {name for base in (Node, Protocol, Record) for name in dir(base)}
_GONE: Final = object()
_PARTS_A_CALL: Final = 8
"""So many parts may be looked at for each call of a handler: a few percent of its time."""

RARELY: Final = 251
"""So many calls of handlers are between two looks in a long run: a prime number, so that what goes
to and fro in a few calls is not always back when it is looked at."""


class _Place(NamedTuple):
    """A name and its value; `content`: what is in it, None where nothing in it can change."""

    names: Mapping[Any, Any]
    key: Any
    told: str
    value: Any
    content: Any


class Surroundings:
    """What surrounds the nodes of one protocol."""

    def __init__(self, protocol: Protocol, nodes: Iterable[Node]) -> None:
        self._protocol = type(protocol)
        self._modules: dict[str, ModuleType] = {}
        self._alive: list[Any] = []  # what is known by its id must not go away
        self._parts = 0
        self._places = list(self._all_places(protocol, tuple(nodes)))
        self._every = 1 + self._parts // _PARTS_A_CALL
        # What cannot change inside is only looked at whether it is the same object.
        self._firm = [(p.names, p.key, p.value) for p in self._places if p.content is None]
        self._open = len(self._firm) < len(self._places)
        self._calls = 0
        self._ran: dict[tuple[type, str], None] = {}

    def look_rarely(self) -> None:
        """Look once in many calls: for a long run, which ends with a look."""
        self._every = max(self._every, RARELY)

    def before_call(self) -> None:
        """Look, so that a handler is not blamed for what a property did. Raises ModelError."""
        if self._every == 1:
            self.look()  # nothing ran since the last look

    def after_call(self, cls: type, method: str) -> None:
        """A handler ran: look, if it is time. Raises ModelError."""
        if self._every == 1 and not self._open and self._is_firm():
            return
        self._ran[cls, method] = None
        self._calls += 1
        if self._calls >= self._every:
            self.look()
            self._calls = 0
            self._ran.clear()

    def look(self) -> None:
        """Raise ModelError if something changed since the last look."""
        if not self._open and self._is_firm():
            return
        for names, key, told, before, content in self._places:
            value = names.get(key, _GONE)
            if value is not before or (
                content is not None and content != _Reader(self._modules).content(value)
            ):
                raise self._changed(told)

    def _is_firm(self) -> bool:
        return False not in [names.get(key, _GONE) is value for names, key, value in self._firm]

    def _changed(self, told: str) -> ModelError:
        names = [f"{cls.__name__}.{method}" for cls, method in self._ran]
        if self._every > 1 or not names:
            names.append("a property")
        who = f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else names[0]
        where = where_of_class(self._protocol)
        for cls, method in self._ran:
            if getattr(cls, method) is not getattr(Node, method, None):  # that one does nothing
                where = where_of(getattr(cls, method)) or where
                break
        return ModelError(
            f"{told} changes while {who} runs",
            where=where,
            hint="what a node remembers is a field: durable(...), volatile(...) or ghost(); "
            "functools.cache keeps results",
        )

    def _all_places(self, protocol: Protocol, nodes: tuple[Node, ...]) -> Iterator[_Place]:
        classes = [type(protocol), *dict.fromkeys(map(type, nodes))]
        used: dict[Any, None] = dict.fromkeys([b for cls in classes for b in cls.__mro__])
        self._find_modules([_module_of(cls) for cls in used])
        for module in self._modules.values():
            yield from self._module_places(module)
            used |= dict.fromkeys([v for v in vars(module).values() if isinstance(v, type)])
        for cls in used:
            if _module_of(cls) in self._modules and not issubclass(cls, Enum):
                yield from self._class_places(cls)
        for name, value in vars(protocol).items():
            if name not in protocol.params and name not in Protocol.__annotations__:
                yield self._place(vars(protocol), name, f"{type(protocol).__name__}.{name}", value)
        known: set[int] = set()
        for node in nodes:
            for name, field in node._fields.items():  # pyright: ignore[reportPrivateUsage]
                value = node.__dict__[name]
                if field.kind == "constant" and id(value) not in known:
                    known.add(id(value))
                    told = f"the constant {type(node).__name__}.{name}"
                    yield self._place(node.__dict__, name, told, value)

    def _find_modules(self, names: list[str]) -> None:
        """The modules of these names that are the model's own, and those that they use."""
        for name in names:
            module = sys.modules.get(name)
            file = getattr(module, "__file__", None)
            if module is None or name in self._modules or not file or not is_model_file(file):
                continue
            self._modules[name] = module
            values = list(vars(module).values())
            used = [v.__name__ if isinstance(v, ModuleType) else _module_of(v) for v in values]
            self._find_modules(used)

    def _module_places(self, module: ModuleType) -> Iterator[_Place]:
        for name, value in vars(module).items():
            if name.startswith("__") or isinstance(value, ModuleType):
                continue
            if isinstance(value, FunctionType):
                for default in value.__defaults__ or ():
                    yield self._place({0: default}, 0, f"a default of {name}()", default)
            elif not callable(value) or _module_of(type(value)) in self._modules:
                yield self._place(vars(module), name, f"the global {name}", value)

    def _class_places(self, cls: type) -> Iterator[_Place]:
        for name, value in vars(cls).items():
            is_data = not callable(value) and not hasattr(value, "__get__")
            declared = _module_of(type(value)).startswith("paxcheck.")
            if is_data and not declared and name not in _OURS and not name.startswith("__"):
                yield self._place(vars(cls), name, f"{cls.__name__}.{name}", value)

    def _place(self, names: Mapping[Any, Any], key: Any, told: str, value: Any) -> _Place:
        reader = _Reader(self._modules)
        content = reader.content(value)
        self._alive += reader.alive
        if not reader.can_change:
            return _Place(names, key, told, value, None)
        self._parts += reader.count
        return _Place(names, key, told, value, content)


class _Reader:
    """Reads what is in a value; of objects of foreign classes it knows only which they are."""

    def __init__(self, modules: Mapping[str, ModuleType]) -> None:
        self._modules = modules
        self._inside: list[int] = []
        self.alive: list[Any] = []
        self.count = 0
        self.can_change = False

    def content(self, value: Any) -> Any:
        """The content as tuples and plain values: equal as long as nothing was changed."""
        self.count += 1
        kind: type[Any] = value.__class__
        if kind in _PLAIN:
            return value
        self.alive.append(value)
        parts = self._parts(value, kind)
        if parts is None or id(value) in self._inside:
            return id(value)
        self._inside.append(id(value))
        found = [self.content(part) for part in parts]
        self._inside.pop()
        return (kind, frozenset(found) if issubclass(kind, (set, frozenset)) else tuple(found))

    def _parts(self, value: Any, kind: Any) -> list[Any] | None:
        """What the value consists of; None where it is not looked into."""
        frozen = issubclass(kind, (tuple, frozenset))
        if issubclass(kind, _CONTAINERS):
            parts = list(value)
        elif issubclass(kind, (type, Record, Enum)):
            return None
        elif dataclasses.is_dataclass(kind):
            parts = [getattr(value, field.name) for field in dataclasses.fields(kind)]
            frozen = is_frozen(kind)
        elif issubclass(kind, dict) or _module_of(kind) in self._modules:
            held = value if issubclass(kind, dict) else getattr(value, "__dict__", {})
            parts = [part for pair in held.items() for part in pair]
        else:
            return None
        self.can_change |= not frozen
        return parts


def _module_of(value: Any) -> str:
    name = getattr(value, "__module__", None)
    return name if isinstance(name, str) else ""
