"""Histories that grow, and what is kept of them: the same as of the sets that they stand for."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paxcheck.paxos import Ballot, Promised, Proposed, Vote, Voted, highest, properties
from paxcheck.protocol import History, majority
from paxcheck.protocol.growing import Growing, fold


class Kept:
    """A fold that keeps all items."""

    def __init__(self, *args: Any) -> None:
        self.args = args
        self.items: list[int] = []

    def add(self, item: int) -> None:
        if item in self.args:
            raise ValueError(item)
        self.items.append(item)


PAIRS = st.tuples(st.integers(0, 3), st.integers(0, 3))
ITEMS = st.frozensets(st.integers(0, 9), max_size=3)
STEPS = st.lists(st.tuples(st.integers(0, 99), ITEMS, PAIRS))


@given(STEPS)
def test_a_fold_sees_each_item_of_its_history_once(
    steps: list[tuple[int, frozenset[int], tuple[int, int]]],
) -> None:
    """Whichever versions it is asked for: later ones, older ones, and those of another line."""
    versions: list[tuple[Growing, set[int]]] = [(Growing(), set()), (Growing(), set())]
    for at, items, (first, second) in steps:
        # Mostly one of the latest grows.
        version, known = versions[-1 - at % 2] if at < 80 else versions[at % len(versions)]
        versions.append((version.plus(items), known | items))
        chosen = [versions[-1], versions[-1 - first % len(versions)]]
        chosen.append(versions[-1 - (first + second) % len(versions)])
        for parts in (chosen[:1], chosen[:2], chosen):
            history = History[int]([v for v, _ in parts])
            expected = sorted(item for _, known in parts for item in known)
            for args in ((), (10,), (10, 11)):
                for _ in range(2):
                    kept = fold(history, Kept, *args)
                    assert sorted(kept.items) == expected
                    assert kept.args == args
                assert history.fold(Kept, *args) is kept
        assert sorted(versions[-1][0]) == sorted(versions[-1][1])


def test_a_fold_that_refused_an_item_is_built_anew() -> None:
    first = Growing().plus([1])
    assert fold(History[int]([first, first]), Kept, 3).items == [1, 1]
    second = first.plus([2]).plus([3])
    for _ in range(2):
        with pytest.raises(ValueError, match="3"):
            fold(History[int]([second, first]), Kept, 3)
    assert fold(History[int]([first, first]), Kept, 3).items == [1, 1]
    assert fold(History[int]([second, first]), Kept, 4).items == [1, 2, 3, 1]


ACCEPTORS = ("a", "b", "c")
VOTED, PROPOSED, PROMISED = range(3)
BALLOTS = st.builds(Ballot, st.integers(1, 3), st.sampled_from("pq"))
VOTES = st.builds(Voted, st.sampled_from(ACCEPTORS), BALLOTS, st.sampled_from("xy"))
QUORUMS = st.frozensets(st.sampled_from(ACCEPTORS), min_size=1)
PROPOSALS = st.builds(Proposed, st.sampled_from("pq"), BALLOTS, st.sampled_from("xy"), QUORUMS)
PROMISES = st.builds(
    Promised,
    st.sampled_from(ACCEPTORS),
    BALLOTS,
    st.none() | st.builds(Vote, BALLOTS, st.sampled_from("xy")),
)


def states(items: Iterable[Any]) -> Iterator[list[History[Any]]]:
    """The histories of votes, proposals and promises after each item."""
    kinds = {Voted: VOTED, Proposed: PROPOSED, Promised: PROMISED}
    grown = [dict.fromkeys("abcpq", Growing()) for _ in kinds]
    for item in items:
        name = item.proposer if isinstance(item, Proposed) else item.acceptor
        of = grown[kinds[type(item)]]
        of[name] = of[name].plus([item])
        yield [History(list(parts.values())) for parts in grown]


@settings(max_examples=300)
@given(st.lists(VOTES | PROPOSALS, max_size=12) | st.lists(VOTES | PROPOSALS | PROMISES))
def test_what_is_said_of_a_history_that_grows_is_said_of_its_items(
    items: list[Voted | Proposed | Promised],
) -> None:
    """Also where votes come late, and of each state on the way."""
    quorums = majority(ACCEPTORS)
    says: list[Callable[[Any, Any, Any], Any]] = [
        lambda votes, _, __: properties.agreement(votes, quorums),
        lambda votes, _, __: properties.validity(votes, "x"),
        lambda votes, _, __: properties.one_value_per_ballot(votes),
        lambda _, proposals, __: properties.b1(proposals),
        lambda votes, proposals, _: properties.b3(proposals, votes),
        lambda votes, proposals, _: properties.p2c(proposals, votes, quorums),
        lambda _, __, promises: properties.one_promise_per_ballot(promises),
    ]
    for grown in states(items):
        plain = [history.everything() for history in grown]
        for say in says:  # which breach is the first depends on the order
            assert (say(*grown) is None) == (say(*plain) is None)
        votes, _, promises = grown
        assert highest(promises + votes) == highest([*promises, *votes])
