"""What each network and each fault does, on systems small enough to count by hand."""

import pytest

from paxcheck.engine.reference import explore
from paxcheck.protocol import (
    Message,
    Node,
    Protocol,
    System,
    UsageError,
    WorldView,
    action,
    durable,
    reachable,
    volatile,
)


class Tick(Message):
    n: int


class Sender(Node):
    ticks: int = durable(0)

    @action
    def tick(self) -> None:
        if self.ticks < 2:
            self.ticks += 1
            self.send("b", Tick(self.ticks))


class Receiver(Node):
    """Remembers the last number (on disk) and how many it heard (in memory), both up to 3."""

    last: int = durable(0)
    heard: int = volatile(0)

    def on_tick(self, msg: Tick) -> None:
        if self.heard < 3:
            self.heard += 1
            self.last = msg.n


class Pair(Protocol):
    """Two numbered messages from a to b."""

    def nodes(self) -> list[Node]:
        return [Sender("a"), Receiver("b")]

    @reachable
    def second_first(self, world: WorldView) -> bool:
        """Messages can overtake."""
        b = world["b"]
        return b.last == 2 and b.heard == 1

    @reachable
    def heard_thrice(self, world: WorldView) -> bool:
        """Two messages can be heard three times."""
        return world["b"].heard == 3

    @reachable
    def forgot(self, world: WorldView) -> bool:
        """b can hold something that it does not remember hearing."""
        return world["b"].last > 0 and world["b"].heard == 0

    @reachable
    def empty_disk(self, world: WorldView) -> bool:
        """The disk of a can be empty after it sent."""
        return world["a"].ticks == 0 and world["b"].last > 0


def look(network: str, **faults: int) -> tuple[tuple[int, int, int], set[str]]:
    verdict = explore(System(Pair(network=network, faults=faults)))
    counts = (verdict.distinct_states, verdict.generated_states, verdict.depth)
    return counts, {p.name for p in verdict.properties if p.kind == "reachable" and p.behavior}


def test_set() -> None:
    # (sent, heard, last): 3 + 3 x 1 + 3 x 2 worlds; every message may come again and again.
    (distinct, _, _), reached = look("set")
    by_hand = {(0, 0, 0), (1, 0, 0), (2, 0, 0)}
    by_hand |= {(1, h, 1) for h in (1, 2, 3)} | {(2, h, n) for h in (1, 2, 3) for n in (1, 2)}
    assert distinct == len(by_hand) == 12
    assert reached == {"second_first", "heard_thrice"}


def test_bag() -> None:
    # In transit is what was sent and not heard: (sent, set heard, last).
    counts, reached = look("bag")
    # (0), (1), (1; 1 heard), (2), (2; 1), (2; 2), (2; 1 then 2), (2; 2 then 1)
    assert counts == (8, 8, 4)
    assert reached == {"second_first"}


def test_fifo() -> None:
    # (0), (1), (1; 1), (2), (2; 1), (2; 1, 2)
    counts, reached = look("fifo")
    assert counts == (6, 6, 4)
    assert reached == set()


def test_duplicate_lets_a_bag_deliver_three_times() -> None:
    assert "heard_thrice" in look("bag", duplicate=1)[1]
    assert "heard_thrice" in look("fifo", duplicate=1)[1]


def test_loss_lets_a_queue_skip() -> None:
    assert "second_first" not in look("fifo")[1]
    assert "second_first" in look("fifo", loss=1)[1]


def test_a_crash_forgets_memory_only() -> None:
    reached = look("fifo", crash=1)[1]
    assert "forgot" in reached
    assert "empty_disk" not in reached


def test_amnesia_forgets_the_disk() -> None:
    assert "empty_disk" in look("fifo", amnesia=1)[1]


def test_a_torn_write_is_the_last_one() -> None:
    reached = look("fifo", torn=1)[1]
    # a can lose its first write after b heard its message; b's memory is lost with its last write
    assert "empty_disk" in reached


def test_corruption_makes_a_value_of_the_run() -> None:
    # Values that a field had somewhere in the run of the plain system, no others.
    assert look("fifo", corrupt=1) == ((31, 43, 9), {"heard_thrice", "empty_disk"})


def test_a_partition_only_delays() -> None:
    # a | b can be cut once and heals: every world of the plain run, cut or not, budget used or not
    (distinct, _, _), reached = look("fifo", partition=1)
    assert reached == set()
    # never cut: 6; cut now: the 6 (no delivery while it lasts does not take any away); healed: 6
    assert distinct == 18


@pytest.mark.parametrize(
    ("network", "faults", "text"),
    [
        ("set", {"loss": 1}, "a set network has loss by its nature"),
        ("set", {"duplicate": 1}, "a set network has duplicate by its nature"),
        ("bag", {"fire": 1}, "no fault is called 'fire'"),
        ("bag", {"crash": -1}, "the budget of fault crash is negative: -1"),
    ],
)
def test_errors(network: str, faults: dict[str, int], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Pair(network=network, faults=faults)
    assert str(caught.value).startswith(text)
