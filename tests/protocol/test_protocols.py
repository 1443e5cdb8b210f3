"""What a protocol gets wrong outside of handlers: an error with its line, never a traceback."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from model_files import check, refusal, write

from paxcheck.engine.engines import EngineName
from paxcheck.loading import load_model
from paxcheck.protocol import PaxcheckError, Protocol, Scope, UsageError, param
from paxcheck.protocol.params import Param

BOTH: tuple[EngineName, ...] = ("reference", "compiled")
NODE = """

class A(Node):
    x: int = durable(0)
    @action
    def go(self): self.x = 1
"""
HINT = "  return the nodes in a list: return [Acceptor('a1'), ...]"

PROTOCOLS = {
    "nodes() is missing": (
        "class Test(Protocol): pass",
        "FILE:12: Test does not say which nodes there are\n"
        "  def nodes(self): return [Acceptor('a1'), ...]",
    ),
    "nodes() returns nothing": (
        "class Test(Protocol):\n    def nodes(self): pass",
        "FILE:13: Test.nodes() returned None\n" + HINT,
    ),
    "nodes() returns no nodes": (
        "class Test(Protocol):\n    def nodes(self): return []",
        "FILE:13: Test.nodes() must give nodes with distinct names, not []\n" + HINT,
    ),
    "nodes() returns names": (
        "class Test(Protocol):\n    def nodes(self): return ['a', 'b']",
        "FILE:13: Test.nodes() gives 'a', which is not a node\n" + HINT,
    ),
    "nodes() gives a name twice": (
        "class Test(Protocol):\n    def nodes(self): return [A('a'), A('b'), A('a')]",
        "FILE:13: Test.nodes() must give nodes with distinct names, not ['a', 'b', 'a']\n" + HINT,
    ),
    "nodes() raises": (
        "def third(n): return 'ab'[n]\n"
        "class Test(Protocol):\n    def nodes(self): return [A(third(2))]",
        "FILE:12: Test.nodes() raises IndexError: string index out of range\n"
        "  FILE:14 in nodes: def nodes(self): return [A(third(2))]\n"
        "  FILE:12 in third: def third(n): return 'ab'[n]",
    ),
    "nodes() raises while it is walked": (
        "class Test(Protocol):\n    def nodes(self): yield A('a'); 1 / 0",
        "FILE:13: Test.nodes() raises ZeroDivisionError: division by zero\n"
        "  FILE:13 in nodes: def nodes(self): yield A('a'); 1 / 0",
    ),
    "nodes() leaves": (
        "class Test(Protocol):\n    def nodes(self): raise SystemExit(0)",
        "FILE:13: Test.nodes() raises SystemExit: 0\n"
        "  FILE:13 in nodes: def nodes(self): raise SystemExit(0)",
    ),
    "a node's constructor raises": (
        "class B(A):\n    def __init__(self, name): super().__init__(name); 1 / 0\n"
        "class Test(Protocol):\n    def nodes(self): return [B('b')]",
        "FILE:13: Test.nodes() raises ZeroDivisionError: division by zero\n"
        "  FILE:15 in nodes: def nodes(self): return [B('b')]\n"
        "  FILE:13 in __init__: def __init__(self, name): super().__init__(name); 1 / 0",
    ),
    "a node's constructor forgets the name": (
        "class B(A):\n    def __init__(self, name): pass\n"
        "class Test(Protocol):\n    def nodes(self): return [B('b')]",
        "FILE:13: Test.nodes() gives a B without a name\n"
        "  its __init__ must call super().__init__(name, ...)",
    ),
    "a symmetry that is one list": (
        "class Test(Protocol):\n    def nodes(self): return [A('a')]\n"
        "    def symmetry(self): return ['a']",
        "FILE:14: Test.symmetry() gives 'a', which is no group of names\n"
        "  return a list of groups: return [['a1', 'a2', 'a3']]",
    ),
    "a symmetry that raises": (
        "class Test(Protocol):\n    def nodes(self): return [A('a')]\n"
        "    def symmetry(self): return [self.names]",
        "FILE:14: Test.symmetry() raises AttributeError: 'Test' object has no attribute 'names'\n"
        "  FILE:14 in symmetry: def symmetry(self): return [self.names]",
    ),
    "scopes in a list": (
        "class Test(Protocol):\n    scopes = [Scope('all')]\n    def nodes(self): return [A('a')]",
        "FILE:13: Test.scopes is no dict of names and scopes\n"
        "  scopes = {'default': Scope('what it shows', acceptors=3)}",
    ),
    "scopes that are none": (
        "class Test(Protocol):\n    x = 1\n    scopes = {'all': {'acceptors': 3}}",
        "FILE:14: Test.scopes is no dict of names and scopes\n"
        "  scopes = {'default': Scope('what it shows', acceptors=3)}",
    ),
    "a parameter with a taken name": (
        "class Test(Protocol):\n    network: str = param('bag', 'the network')",
        "FILE:13: Test.network cannot be a parameter: every protocol has a `network` of its own\n"
        "  give the parameter another name",
    ),
    "a parameter that is a list": (
        "class Test(Protocol):\n    names: list = param(['a'], 'the names')",
        "FILE:13: the default of a parameter is a list\n"
        "  param(3, 'number of acceptors', least=1): the default is an int, a bool or a str",
    ),
    "bounds of a text": (
        "class Test(Protocol):\n    name: str = param('a', 'a name', least=1)",
        "FILE:13: least and most are for an int, and the default is a str\n"
        "  param(3, 'number of acceptors', least=1): the default is an int, a bool or a str",
    ),
    "a default out of bounds": (
        "class Test(Protocol):\n    many: int = param(0, 'how many', least=1, most=3)",
        "FILE:13: the default 0 is not within its bounds (int, 1 to 3)\n"
        "  param(3, 'number of acceptors', least=1): the default is an int, a bool or a str",
    ),
}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_protocol(name: str, tmp_path: Path) -> None:
    body, text = PROTOCOLS[name]
    assert refusal(write(tmp_path, NODE + body)) == text


PROPERTIES = {
    "raises": (
        '@invariant\n    def fine(self, world):\n        "It is fine."\n        return 1 / 0',
        "FILE:17: property fine raises ZeroDivisionError: division by zero\n"
        "  FILE:17 in fine: return 1 / 0",
    ),
    "leaves": (
        '@reachable\n    def fine(self, world):\n        "It is fine."\n        exit()\n'
        "        return True",
        "FILE:17: property fine raises SystemExit: None\n  FILE:17 in fine: exit()",
    ),
    "of a step raises": (
        '@step_invariant\n    def fine(self, step):\n        "It is fine."\n'
        "        return step.after.x < step.before.y",
        "FILE:17: property fine raises AttributeError: A has no field y; its fields: x\n"
        "  FILE:17 in fine: return step.after.x < step.before.y",
    ),
    "at the end raises": (
        '@at_end\n    def fine(self, world):\n        "It is fine."\n        assert False, "no"',
        'FILE:17: property fine raises AssertionError: no\n  FILE:17 in fine: assert False, "no"',
    ),
    "without an argument": (
        '@invariant\n    def fine(self):\n        "It is fine."\n        return True',
        "FILE:14: property fine raises TypeError: Test.fine() takes 1 positional argument but 2 "
        "were given",
    ),
    "returns a number": (
        '@invariant\n    def fine(self, world):\n        "It is fine."\n        return 5',
        "FILE:14: property fine returned 5\n"
        "  return True, False, None, or Broken('why, with the values')",
    ),
    "returns nothing": (
        '@invariant\n    def fine(self, world):\n        "It is fine."\n        world["a"].x < 5',
        "FILE:15: property fine returns nothing, so it would hold whatever happens\n"
        "  is a `return` missing? return True, False, or Broken('why, with the values')",
    ),
    "a witness is nothing": (
        '@reachable\n    def fine(self, world):\n        "It is fine."\n'
        '        if world["a"].x > 99: return True',
        "FILE:14: property fine returned None\n  return True or False",
    ),
    "without a docstring": (
        "@invariant\n    def fine(self, world): return True",
        "FILE:14: property fine has no docstring\n  say in words what holds",
    ),
    "is a generator": (
        '@invariant\n    def fine(self, world):\n        "It is fine."\n        yield False',
        "FILE:14: property fine is a generator (there is a `yield` in it): to call it runs "
        "nothing of it\n  write a plain function: steps are atomic, and nothing waits in them",
    ),
    "calls itself": (
        '@invariant\n    def fine(self, world):\n        "It is fine."\n'
        "        return self.fine(world)",
        "FILE:17: property fine raises RecursionError: maximum recursion depth exceeded\n"
        + "  FILE:17 in fine: return self.fine(world)\n" * 4
        + "  ... N more ...\n"
        + "  FILE:17 in fine: return self.fine(world)\n" * 3
        + "  FILE:17 in fine: return self.fine(world)",
    ),
}


@pytest.mark.parametrize("name", PROPERTIES)
@pytest.mark.parametrize("engine", BOTH)
def test_property(name: str, engine: EngineName, tmp_path: Path) -> None:
    body, text = PROPERTIES[name]
    head = "class Test(Protocol):\n    def nodes(self): return [A('a')]\n    "
    told = refusal(write(tmp_path, NODE + head + body), engine)
    lines = told.split("\n")
    if len(lines) > 9:  # how deep the stack was already is not the model's affair
        number = lines[5].split()[1]
        assert int(number.replace(",", "")) > 500
        told = told.replace(f"... {number} more", "... N more")
    assert told == text


def test_nodes_are_made_once(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        NODE
        + """
class Test(Protocol):
    made = 0
    def nodes(self):
        self.made += 1
        return [A(f"a{self.made}")]
""",
    )
    protocol = load_model(str(path)).protocol()
    assert protocol.rules() == {}
    assert protocol.node_list() is protocol.node_list()
    assert [node.name for node in protocol.node_list()] == ["a1"]
    assert check(path).distinct_states == 2


def test_a_constructor_that_raises(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        NODE
        + """
class Test(Protocol):
    def __init__(self, **settings):
        super().__init__(**settings)
        1 / 0
""",
    )
    with pytest.raises(PaxcheckError) as caught:
        load_model(str(path)).protocol.from_scope(Scope())
    assert str(caught.value).replace(str(path), "FILE") == (
        "FILE:16: Test(...) raises ZeroDivisionError: division by zero\n"
        "  FILE:16 in __init__: 1 / 0"
    )


class Sized(Protocol):
    few: int = param(1, "how few", least=0)
    some: int = param(2, "how many", least=1, most=3)
    odd: int = param(-1, "how odd", most=5)
    free: int = param(7, "anything")
    on: bool = param(False, "whether it is on")
    word: str = param("a", "a word")


class Smaller(Sized):
    some = 1


class Wrong(Sized):
    some = 4


@pytest.fixture
def digits() -> Iterator[None]:
    """As many as Python reads where nobody asked for more; the command line does."""
    asked = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(4300)
    yield
    sys.set_int_max_str_digits(asked)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"few": "-1"}, "few=-1: Sized.few is how few (int, at least 0)"),
        ({"some": 0}, "some=0: Sized.some is how many (int, 1 to 3)"),
        ({"some": "4"}, "some=4: Sized.some is how many (int, 1 to 3)"),
        ({"odd": 6}, "odd=6: Sized.odd is how odd (int, at most 5)"),
        ({"some": "two"}, "some=two: Sized.some is how many (int, 1 to 3)"),
        ({"some": 1.5}, "some=1.5: Sized.some is how many (int, 1 to 3)"),
        ({"some": True}, "some=True: Sized.some is how many (int, 1 to 3)"),
        ({"on": "maybe"}, "on=maybe: Sized.on is whether it is on (bool)"),
        ({"free": "9" * 5000}, f"free={'9' * 40}...: Sized.free is anything (int)"),
        ({"some": 10**5000}, "some=a very long number: Sized.some is how many (int, 1 to 3)"),
        ({"more": 1}, "Sized has no parameter 'more'\n"
         "  parameters: few, some, odd, free, on, word"),
    ],
)  # fmt: skip
def test_a_value_out_of_bounds(settings: dict[str, object], text: str, digits: None) -> None:
    with pytest.raises(UsageError) as caught:
        Sized(**settings)  # type: ignore[arg-type]
    assert str(caught.value) == text


def test_values_within_bounds() -> None:
    given = Sized(few="0", some=3, odd=-100, on="yes", word=5)
    assert given.params == {
        "few": 0, "some": 3, "odd": -100, "free": 7, "on": True, "word": "5"
    }  # fmt: skip
    assert (given.few, given.word) == (0, "5")
    assert Smaller().some == 1
    assert Smaller.declared_params()["some"] == Param(1, "how many", 1, 3)
    with pytest.raises(UsageError, match=r"some=4: Wrong\.some is how many \(int, 1 to 3\)"):
        Wrong()
