"""What a node class and its constructor may say: every refusal, whole."""

from pathlib import Path

import pytest
from model_files import check, refusal, write

from paxcheck.protocol import Node
from paxcheck.protocol.declare import VIEWED
from paxcheck.protocol.world import NodeView

TEST = """
class Test(Protocol):
    def nodes(self): return [A("a")]
"""

CLASSES = {
    "a field called like a method": (
        "class A(Node):\n    sent: int = durable(0)",
        "FILE:7: A.sent cannot be a field: every node has a `sent` of its own\n"
        "  give the field another name",
    ),
    "a field called like a part of a view": (
        "class A(Node):\n    x: int = durable(0)\n    stopped: bool = durable(False)",
        "FILE:8: A.stopped cannot be a field: every node has a `stopped` of its own\n"
        "  give the field another name",
    ),
    "a field called name": (
        "class A(Node):\n    name: str = constant('b')",
        "FILE:7: A.name cannot be a field: every node has a `name` of its own\n"
        "  give the field another name",
    ),
    "a property called like a part of a view": (
        "class A(Node):\n    @property\n    def kind(self): return 'a'",
        "FILE:7: A.kind would be hidden: a property's view of a node has a `kind` of its own\n"
        "  give it another name",
    ),
    "a class attribute called like a part of a view": (
        "class A(Node):\n    stopped = False",
        "FILE:7: A.stopped would be hidden: a property's view of a node has a `stopped` of its "
        "own\n  give it another name",
    ),
    "an operator": (
        "class A(Node):\n    def __eq__(self, other): return True",
        "FILE:7: A defines __eq__, which properties would not use\n"
        "  compare fields; a method with a plain name may help",
    ),
    "a hidden field": (
        "class B(Node):\n    y: int = durable(0)\nclass A(B):\n    x: int = durable(0)\n    y = 3",
        "FILE:10: A.y hides the field `y` of its base class\n  give one of the two another name",
    ),
    "a field hidden by a method": (
        "class B(Node):\n    y: int = durable(0)\nclass A(B):\n    def y(self): pass",
        "FILE:9: A.y hides the field `y` of its base class\n  give one of the two another name",
    ),
    "a field that hides a method": (
        "class B(Node):\n    def y(self): pass\nclass A(B):\n    y: int = durable(0)",
        "FILE:9: the field A.y hides B.y\n  give one of the two another name",
    ),
    "a record with an equality of its own": (
        "class R(Record):\n    n: int\n    def __eq__(self, other): return True\n"
        "class A(Node): pass",
        "FILE:8: R defines __eq__, which every record has already\n"
        "  records compare field by field; a field may have any other name",
    ),
    "a record with an order of its own, and the one that was asked for": (
        "class R(Record, order=True):\n    n: int\n    def __lt__(self, other): return True\n"
        "class A(Node): pass",
        "FILE:8: R defines __lt__, which every record has already\n"
        "  records compare field by field; a field may have any other name",
    ),
    "a record with a field called like one of ours": (
        "class R(Record):\n    _fields: int\nclass A(Node): pass",
        "FILE:7: R defines _fields, which every record has already\n"
        "  records compare field by field; a field may have any other name",
    ),
    "a default that no state can hold": (
        "class A(Node):\n    x: int = durable(0)\n    y: float = durable(0.0)",
        "FILE:8: the default of A.y is a float, which cannot be part of a state\n"
        "  use None, bool, int, str, bytes, an Enum, a Record, a tuple or a frozenset",
    ),
    "an object as a default": (
        "class Box: pass\nclass A(Node):\n    y: Box = volatile(Box())",
        "FILE:8: the default of A.y is a Box, which cannot be part of a state\n"
        "  use None, bool, int, str, bytes, an Enum, a Record, a tuple or a frozenset",
    ),
    "a corrupt value that no state can hold": (
        "class A(Node):\n    y: int = durable(0, corrupt=(1, 1.5))",
        "FILE:7: a corrupt value of A.y is a float, which cannot be part of a state\n"
        "  use None, bool, int, str, bytes, an Enum, a Record, a tuple or a frozenset",
    ),
    "a default that is a string enum": (
        "from enum import StrEnum\nclass C(StrEnum):\n    RED = 'red'\n"
        "class A(Node):\n    y: C = durable(C.RED)",
        "FILE:10: the default of A.y is C.RED, which equals the plain 'red'\n"
        "  make it a plain enum: class C(Enum)",
    ),
    "a constant list by default": (
        "class A(Node):\n    y: list[int] = constant([1])",
        "FILE:7: the default of A.y is a list, which can change, and a constant never does\n"
        "  use a tuple instead",
    ),
    "an async handler": (
        "class A(Node):\n    async def on_ping(self, msg: Ping): pass",
        "FILE:7: A.on_ping is an async function: to call it runs nothing of it\n"
        "  write a plain function: steps are atomic, and nothing waits in them",
    ),
    "a generator for an action": (
        "class A(Node):\n    @action\n    def go(self): yield self.send('a', Ping(1))",
        "FILE:7: A.go is a generator (there is a `yield` in it): to call it runs nothing of it\n"
        "  write a plain function: steps are atomic, and nothing waits in them",
    ),
    "a generator for a rule": (
        'class A(Node):\n    @rule\n    def fine(self):\n        "It is fine."\n        yield True',
        "FILE:7: A.fine is a generator (there is a `yield` in it): to call it runs nothing of it\n"
        "  write a plain function: steps are atomic, and nothing waits in them",
    ),
    "an async on_start of a mixin": (
        "class M:\n    async def on_start(self): pass\nclass A(M, Node): pass",
        "FILE:7: M.on_start is an async function: to call it runs nothing of it\n"
        "  write a plain function: steps are atomic, and nothing waits in them",
    ),
    "an action with an argument": (
        "class A(Node):\n    @action\n    def go(self, n): pass",
        "FILE:7: A.go must take self only\n  def go(self) -> None",
    ),
    "a message class that is nowhere": (
        "class A(Node):\n    def on_x(self, msg: 'Undefined'): pass",
        "FILE:7: A.on_x handles 'Undefined': NameError: name 'Undefined' is not defined\n"
        "  name a message class that stands at the top level of the file",
    ),
    "a message class that is no name": (
        "class A(Node):\n    def on_x(self, msg: 'a b'): pass",
        "FILE:7: A.on_x handles 'a b': SyntaxError: invalid syntax (<string>, line 1)\n"
        "  name a message class that stands at the top level of the file",
    ),
}


@pytest.mark.parametrize("name", CLASSES)
def test_class(name: str, tmp_path: Path) -> None:
    body, text = CLASSES[name]
    assert refusal(write(tmp_path, body + TEST)) == text


def test_every_name_of_a_view_is_refused_as_a_field() -> None:
    own = {name for name in vars(NodeView) if not name.startswith("__")}
    assert own == VIEWED | {"name", "_all", "_check_unchanged", "_member"}


NODES = {
    "no constant": (
        'A("a")',
        "FILE:10: A('a') needs its constant `c`\n  A('a', c=...)",
    ),
    "no such field": (
        'A("a", c=1, z=2)',
        "FILE:10: A has no field `z`\n  its fields: c, x",
    ),
    "a value that no state can hold": (
        'A("a", c=1, x=0.5)',
        "FILE:10: A.x is a float, which cannot be part of a state\n"
        "  use None, bool, int, str, bytes, an Enum, a Record, a tuple or a frozenset",
    ),
    "a constant list": (
        'A("a", c=["b"])',
        "FILE:10: A.c is a list, which can change, and a constant never does\n"
        "  use a tuple instead",
    ),
    "a constant dict in a tuple": (
        'A("a", c=(1, {"b": 1}))',
        "FILE:10: A.c is a dict, which can change, and a constant never does\n"
        "  use a tuple of pairs instead",
    ),
    "a constant iterator": (
        'A("a", c=iter("b"))',
        "FILE:10: A.c is a str_ascii_iterator, which can change, and a constant never does\n"
        "  use a tuple instead",
    ),
    "no name": (
        'A("", c=1)',
        "FILE:10: A: a node cannot be called ''\n"
        "  a name is made of letters, digits and any of _ . : @ / -",
    ),
    "a name of two words": (
        'A("a 1", c=1)',
        "FILE:10: A: a node cannot be called 'a 1'\n"
        "  a name is made of letters, digits and any of _ . : @ / -",
    ),
    "a number for a name": (
        "A(1, c=1)",
        "FILE:10: A: a node cannot be called 1\n"
        "  a name is made of letters, digits and any of _ . : @ / -",
    ),
}


@pytest.mark.parametrize("name", NODES)
def test_node(name: str, tmp_path: Path) -> None:
    body, text = NODES[name]
    path = write(
        tmp_path,
        f"""\
        class A(Node):
            c: object = constant()
            x: int = durable(0)
        class Test(Protocol):
            def nodes(self): return [{body}]
        """,
    )
    assert refusal(path) == text


def test_names_that_systems_have() -> None:
    for name in ("a1", "n1.x-y", "127.0.0.1:8080", "ä", "rack/1@eu"):
        assert Node(name).name == name


def test_a_message_class_may_be_defined_further_down(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        import typing
        class A(Node):
            x: int = durable(0)
            @action
            def go(self): self.broadcast(Later())
        class B(Node):
            x: int = durable(0)
            def on_later(self, msg: 'Later | Ping'): self.x = 1
        class C(Node):
            x: int = durable(0)
            def on_later(self, msg: 'typing.Union[Later, Pong]'): self.x = 1
        class Later(Message): pass
        class Test(Protocol):
            def nodes(self): return [A("a"), B("b"), C("c")]
        """,
    )
    assert check(path).distinct_states == 5


def test_a_field_may_be_declared_again(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        class B(Node):
            x: int = durable(0)
        class A(B):
            x: int = volatile(5)
            @action
            def go(self): self.x = 6
        class Test(Protocol):
            def nodes(self): return [A("a")]
        """,
    )
    assert check(path).distinct_states == 2
