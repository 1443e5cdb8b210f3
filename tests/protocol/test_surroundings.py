"""A step that changes what is not a field is found, also where running it twice shows nothing."""

from pathlib import Path

import pytest
from model_files import check, refusal, write

from paxcheck.engine.engines import EngineName
from paxcheck.loading import load_model
from paxcheck.protocol.errors import ModelError
from paxcheck.protocol.execute import Act, NodeFault
from paxcheck.protocol.surroundings import RARELY
from paxcheck.trace.conform.handlers import Handlers

BOTH: tuple[EngineName, ...] = ("reference", "compiled")
HINT = (
    "\n  what a node remembers is a field: durable(...), volatile(...) or ghost(); "
    "functools.cache keeps results"
)

MODEL = """
{globals}
class A(Node):
    {inside}
    x: int = durable(0)
    def on_start(self): {start}
    @action
    def go(self):
        {go}
        self.x = 1
    def on_restart(self): {restart}
class Test(Protocol):
    many: int = param(0, "entries of a large table")
    def nodes(self):
        for n in range(self.many): TABLE[n] = n
        self.asked = []
        return [A("a")]
    @invariant
    def fine(self, world):
        "It is fine."
        {prop}
        return world["a"].x < 2
"""


def model(folder: Path, **bodies: str) -> Path:
    text = MODEL
    for place in ("globals", "inside", "start", "go", "restart", "prop"):
        text = text.replace("{" + place + "}", bodies.get(place, "pass"))
    return write(folder, text)


@pytest.mark.parametrize("engine", BOTH)
@pytest.mark.parametrize(
    ("names", "inside", "body", "told"),
    [
        ("SEEN = set()", "", "SEEN.add(1)", "the global SEEN"),
        ("COUNT = 0", "", "global COUNT; COUNT = 1", "the global COUNT"),
        ("TABLE = {'a': 0}", "", "TABLE['a'] = 1", "the global TABLE"),
        ("TABLE = {'a': [0]}", "", "TABLE['a'].append(1)", "the global TABLE"),
        ("PAIR = ('a', [0])", "", "PAIR[1][0] = 1", "the global PAIR"),
        (
            "import collections; QUEUE = collections.deque()",
            "",
            "QUEUE.append(1)",
            "the global QUEUE",
        ),
        ("class Box: n = 0\nBOX = Box()", "", "BOX.n = 1", "the global BOX"),
        ("class Box: n = 0", "", "Box.n = 1", "Box.n"),
        ("def helper(n, known=[]): known.append(n)", "", "helper(1)", "a default of helper()"),
        ("", "shared = {}", "self.shared['a'] = 1", "A.shared"),
        ("", "total = 0", "A.total = 1", "A.total"),
        ("", "total = 0", "type(self).total += 0.5", "A.total"),
        (
            "class Box: pass",
            "box: object = constant(Box())",
            "self.box.n = 1",
            "the constant A.box",
        ),
    ],
)
def test_a_handler(
    names: str, inside: str, body: str, told: str, engine: EngineName, tmp_path: Path
) -> None:
    path = model(tmp_path, globals=names, inside=inside or "pass", go=body)
    line = 12 + names.count("\n")
    assert refusal(path, engine) == f"FILE:{line}: {told} changes while A.go runs{HINT}"


@pytest.mark.parametrize("engine", BOTH)
def test_the_start_and_the_restart(engine: EngineName, tmp_path: Path) -> None:
    assert refusal(model(tmp_path, globals="SEEN = set()", start="SEEN.add(1)"), engine) == (
        f"FILE:11: the global SEEN changes while A.on_start runs{HINT}"
    )
    path = model(tmp_path, globals="SEEN = set()", restart="SEEN.add(1)")
    assert check(path, engine).verdict == "holds"
    assert refusal(path, engine, faults={"crash": 1}) == (
        f"FILE:16: the global SEEN changes while A.on_restart runs{HINT}"
    )


@pytest.mark.parametrize("engine", BOTH)
@pytest.mark.parametrize(
    ("body", "told"),
    [("SEEN.add(1)", "the global SEEN"), ("self.asked.append(1)", "Test.asked")],
)
def test_a_property(body: str, told: str, engine: EngineName, tmp_path: Path) -> None:
    assert refusal(model(tmp_path, globals="SEEN = set()", prop=body), engine) == (
        f"FILE:17: {told} changes while a property runs{HINT}"
    )


@pytest.mark.parametrize("engine", BOTH)
def test_a_large_table_is_looked_at_in_the_end(engine: EngineName, tmp_path: Path) -> None:
    path = model(tmp_path, globals="TABLE = {}", go="TABLE['c'] = 1")
    assert refusal(path, engine, many=1000) == (
        "FILE:11: the global TABLE changes while A.on_start, A.go or a property runs" + HINT
    )


@pytest.mark.parametrize("engine", BOTH)
def test_what_is_only_read_may_be_there(engine: EngineName, tmp_path: Path) -> None:
    names = """
import functools
class Pair(Record):
    n: int
TABLE = {'a': ['b']}
VALUES = ('x', ('y', Pair(1)))
@functools.cache
def square(n): return n * n
"""
    body = "self.x = square(len(TABLE['a'])) + VALUES[1][1].n - 1"
    path = model(tmp_path, globals=names, go=body)
    assert check(path, engine).verdict == "holds"
    assert check(path, engine, many=1000).verdict == "holds"


def test_a_module_beside_the_model(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("KNOWN = []\ndef learn(n): KNOWN.append(n)\n")
    path = write(
        tmp_path,
        """
        from beside import learn
        class A(Node):
            x: int = durable(0)
            @action
            def go(self): learn(self.x)
        class Test(Protocol):
            def nodes(self): return [A("a")]
        """,
    )
    assert refusal(path) == f"FILE:10: the global KNOWN changes while A.go runs{HINT}"


def test_constants_keep_their_sets_in_order(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        import dataclasses
        @dataclasses.dataclass(frozen=True)
        class Groups:
            names: frozenset
            pairs: tuple
        class A(Node):
            names: set[str] = constant()
            groups: Groups = constant()
            log: tuple[str, ...] = durable(())
            @action
            def go(self):
                first = tuple(self.names) + tuple(self.names.union(["b"]))
                self.log = first + tuple(self.groups.names) + tuple(self.groups.pairs[0])
        class Test(Protocol):
            def nodes(self):
                groups = Groups(frozenset("zx"), (frozenset("wv"),))
                return [A("a", names=set("edac"), groups=groups)]
            @invariant
            def in_order(self, world):
                "They walk in order."
                return "".join(world["a"].log) in ("", "acdeabcdexzvw")
        """,
    )
    assert check(path).of("in_order").verdict == "holds"


@pytest.mark.parametrize("body", ["TABLE.append(1)", "TABLE[0] = not TABLE[0]"])
def test_a_replay_looks_now_and_then(body: str, tmp_path: Path) -> None:
    """Also what is back after two calls is found; and the line is one of the model."""
    text = MODEL.replace("def on_start(self): {start}", "").replace("{go}", body)
    for place in ("inside", "restart", "prop"):
        text = text.replace("{" + place + "}", "pass")
    path = write(tmp_path, text.replace("{globals}", "TABLE = [False]"))
    system = Handlers(load_model(str(path)).protocol())
    system.initial()
    local = system.shapes[0].initial
    system.react(0, local, NodeFault("a", "crash"), None)

    def go_on() -> None:
        for _ in range(2 * RARELY):
            system.react(0, local, Act("a", "go"), None)

    with pytest.raises(ModelError, match=r"the global TABLE changes while .* runs") as problem:
        go_on()
    assert problem.value.where is not None
    assert problem.value.where.file.endswith(path.name)
