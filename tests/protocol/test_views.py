"""What properties see of a node: the state that is judged, whatever way they look at it."""

from pathlib import Path

import pytest
from model_files import check, refusal, write

from paxcheck.engine.engines import EngineName

BOTH: tuple[EngineName, ...] = ("reference", "compiled")

# The node counts to 3; a property that sees 3 says so. What it sees it sees by `look`.
COUNTER = """
class Base(Node):
    limit: int = constant()
    log: list[int] = durable([])
    seen: set[int] = ghost()

    @property
    def total(self): return len(self.log)
    def above(self, n): return self.total > n
    @staticmethod
    def double(n): return 2 * n
    @classmethod
    def called(cls): return cls.__name__
    @rule
    def may_count(self, extra: int) -> bool:
        "It counts up to its limit."
        return self.total + extra < self.limit
    @action
    def count(self):
        if self.may_count(0):
            self.log.append(len(self.log))
            self.seen.add(len(self.log))

class A(Base):
    STEP = 1
    def above(self, n): return super().above(n)
    def many(self):
        known = self.log
        return known is self.log and sum(known)
    def both(self): return self.above(2) and self.total == len(self.log)
    def history(self): return max(self.seen, default=0)

class Test(Protocol):
    def nodes(self): return [A("a", limit=3), A("b", limit=1)]
    @invariant
    def small(self, world):
        "It is small."
        a = world["a"]
        return not ({look})
    @step_invariant
    def small_step(self, step):
        "It is small after each step."
        a = step.after
        return step.node == "b" or not ({look})
    @reachable
    def big(self, world):
        "It can be big."
        a = world["a"]
        return {look}
    @at_end
    def small_end(self, world):
        "It is small at the end."
        a = world["a"]
        return not ({look})
"""

LOOKS = (
    "len(a.log) == 3",
    "a.total == 3",
    "a.above(2)",
    "a.both()",
    "a.many() == 3",
    "a.history() == 3",
    "len(a.remembered('seen')) == 3",
    "max(a.remembered('seen'), default=0) == 3",
    "not a.may_count(0)",
    "a.total == a.limit and not a.may_count(a.limit - a.total)",
    "a.double(a.total) == 6",
    "a.called() == 'A' and a.STEP + a.total == 4",
    "isinstance(a, A) and isinstance(a, Base) and a.total == 3",
    "'log=[0, 1, 2]' in repr(a)",
    "'log=[0, 1, 2]' in f'{a}'",
)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("engine", BOTH)
def test_a_property_sees_the_state_that_is_judged(
    look: str, engine: EngineName, tmp_path: Path
) -> None:
    verdict = check(write(tmp_path, COUNTER.replace("{look}", look)), engine)
    assert {p.name: (p.verdict, p.steps) for p in verdict.properties} == {
        "small": ("violated", 3),
        "small_step": ("violated", 3),
        "big": ("holds", 3),
        "small_end": ("violated", 4),
        "no_exception": ("holds", None),
    }


@pytest.mark.parametrize("engine", BOTH)
@pytest.mark.parametrize(
    ("body", "name", "steps"),
    [
        ("return world['a'] == world['a']", "never_equal", 0),
        ("return world['a'] == world['b']", "never_equal", None),
        ("return len({world['a'], world['b'], world['a']}) == 2", "never_equal", 0),
        ("return world['a'] != world['a']", "never_equal", None),
        ("return world['a'] == 5", "never_equal", None),
    ],
)
def test_nodes_are_equal_when_they_are_the_same_node_in_the_same_state(
    body: str, name: str, steps: int | None, engine: EngineName, tmp_path: Path
) -> None:
    path = write(
        tmp_path,
        f"""
        class A(Node):
            x: int = durable(0)
            @action
            def go(self): self.x = 1
        class Test(Protocol):
            def nodes(self): return [A("a"), A("b")]
            @reachable
            def {name}(self, world):
                "It can be."
                {body}
        """,
    )
    assert check(path, engine).of(name).steps == steps


@pytest.mark.parametrize("engine", BOTH)
def test_a_step_can_be_seen_to_change_nothing_of_its_node(
    engine: EngineName, tmp_path: Path
) -> None:
    path = write(
        tmp_path,
        """
        class A(Node):
            x: int = durable(0)
            @action
            def go(self): self.x = min(self.x + 1, 2)
            @action
            def call(self): self.broadcast(Ping(1))
        class B(Node):
            x: int = durable(0)
            def on_ping(self, msg: Ping): self.x = msg.n
        class Test(Protocol):
            def nodes(self): return [A("a"), B("b")]
            @step_invariant
            def moves(self, step):
                "Every step changes its node."
                return step.before != step.after
        """,
    )
    found = check(path, engine).of("moves")
    assert (found.verdict, found.steps) == ("violated", 1)


NODE = """
class A(Node):
    x: int = durable(0)
    log: list[int] = durable([])
    @property
    def sets(self): self.x = 1
    @property
    def grows(self):
        self.log.append(1)
        return len(self.log)
    def sends(self): self.send("a", Ping(1))
    def chooses(self): return self.choose([1, 2])
    def grow(self): self.log.append(1)
    def on_ping(self, msg: Ping): pass
class Test(Protocol):
    def nodes(self): return [A("a")]
    @invariant
    def fine(self, world):
        "It is fine."
        a = world["a"]
        {body}
        return True
"""
LOOKS_ONLY = "  only handlers and actions change a node; a property looks"


@pytest.mark.parametrize("engine", BOTH)
@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("a.x = 1", "FILE:26: A.x is set while a property is asked\n" + LOOKS_ONLY),
        ("a.sets", "FILE:11: A.x is set while a property is asked\n" + LOOKS_ONLY),
        ("a.grows", "FILE:12: A.grows changes log while a property is asked\n" + LOOKS_ONLY),
        ("a.grow()", "FILE:18: A.grow changes log while a property is asked\n" + LOOKS_ONLY),
        (
            "a.sends()",
            "FILE:16: messages can be sent only while a handler or an action runs",
        ),
        (
            "a.chooses()",
            "FILE:17: messages can be sent only while a handler or an action runs",
        ),
        (
            "a.y",
            "FILE:26: property fine raises AttributeError: A has no field y; its fields: x, log\n"
            "  FILE:26 in fine: a.y",
        ),
        (
            "for field in a: pass",
            "FILE:26: property fine raises TypeError: 'NodeView' object is not iterable\n"
            "  FILE:26 in fine: for field in a: pass",
        ),
        (
            "world.sent(A)",
            "FILE:26: sent() is asked for <class 'FILE.A'>, which is no class of messages\n"
            "  sent(Accepted)",
        ),
        (
            "world.sent(5)",
            "FILE:26: sent() is asked for 5, which is no class of messages\n  sent(Accepted)",
        ),
        (
            "a.remembered('log')",
            "FILE:26: A.log is asked for what it remembers, and is no ghost field\n"
            "  the ghost fields of A: none",
        ),
        (
            "world.remembered(A, 'y')",
            "FILE:26: A.y is asked for what it remembers, and is no ghost field\n"
            "  the ghost fields of A: none",
        ),
        ("world['c']", "FILE:26: there is no node 'c'\n  the nodes are a"),
        (
            "world.x = 1",
            "FILE:26: property fine raises AttributeError: "
            "a property only looks: it cannot set 'x'\n"
            "  FILE:26 in fine: world.x = 1",
        ),
    ],
)
def test_a_property_only_looks(body: str, text: str, engine: EngineName, tmp_path: Path) -> None:
    path = write(tmp_path, NODE.replace("{body}", body))
    assert refusal(path, engine).replace(path.stem, "FILE") == text


def test_what_a_property_changes_in_a_list_is_its_own_copy(tmp_path: Path) -> None:
    body = "a.log.append(1); return a.log == []"
    assert check(write(tmp_path, NODE.replace("{body}", body))).of("fine").verdict == "holds"
