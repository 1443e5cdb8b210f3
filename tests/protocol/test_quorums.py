"""Quorum systems, against the definition: any superset of a minimal quorum, nothing else."""

from itertools import combinations

import pytest

from paxcheck.protocol import UsageError, quorum_system
from paxcheck.protocol.quorums import QuorumSystem

FIVE = ("a", "b", "c", "d", "e")
FOUR = ("a", "b", "c", "d")


def sizes(system: QuorumSystem) -> tuple[int, int]:
    """How many of all subsets are quorums of phase 1, and of phase 2."""
    subsets = [
        set(c) for n in range(len(system.members) + 1) for c in combinations(system.members, n)
    ]
    return sum(map(system.phase1, subsets)), sum(map(system.phase2, subsets))


@pytest.mark.parametrize(
    ("text", "members", "count", "safe"),
    [
        ("majority", FIVE, (16, 16), True),  # C(5,3) + C(5,4) + C(5,5)
        ("majority", FOUR, (5, 5), True),
        ("all", FIVE, (1, 1), True),
        ("any:2", FOUR, (11, 11), False),  # two and two can be apart
        ("any:3", FOUR, (5, 5), True),
        ("flexible:4,2", FIVE, (6, 26), True),  # 4 + 2 > 5
        ("flexible:3,2", FIVE, (16, 26), False),
        ("grid:2x2", FOUR, (7, 7), True),  # a row and a column always cross
    ],
)
def test_systems(text: str, members: tuple[str, ...], count: tuple[int, int], safe: bool) -> None:
    system = quorum_system(text, members)
    assert str(system) == text
    assert sizes(system) == count
    minimal = [set(quorum) for quorum in system.minimal1]
    supersets = [s for s in minimal if any(other < s for other in minimal)]
    assert (supersets, all(map(system.phase1, minimal))) == ([], True)
    apart = system.disjoint()
    assert (apart is None) is safe
    if apart:
        assert system.phase1(apart[0])
        assert system.phase2(apart[1])
        assert not apart[0] & apart[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("most", "no quorum system is called 'most'"),
        ("any:x", "no quorum system is called 'any:x'"),
        ("flexible:2", "no quorum system is called 'flexible:2'"),
        ("any:6", "a quorum of 6 cannot be made of 5 acceptors"),
        ("any:0", "a quorum of 0 cannot be made of 5 acceptors"),
        ("grid:2x2", "a grid of 2x2 needs 4 acceptors, and there are 5"),
        ("grid:0x3", "a grid has at least one row and one column, not 0x3"),
        ("grid:-1x-5", "a grid has at least one row and one column, not -1x-5"),
    ],
)
def test_errors(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        quorum_system(text, FIVE)
    assert str(caught.value).split("\n")[0] == message


def test_many_acceptors_are_counted_not_listed() -> None:
    who = [f"a{i}" for i in range(1, 1001)]
    assert quorum_system("majority", who).disjoint() is None
    assert quorum_system("majority", who).phase1(who[:501])
    assert not quorum_system("majority", who).phase2([*who[:500], who[0], "stranger"])
    apart = quorum_system("flexible:500,500", who).disjoint()
    assert apart == (frozenset(who[:500]), frozenset(who[500:]))
    assert quorum_system("grid:20x50", who).disjoint() is None


def test_quorums_walk_in_order() -> None:
    system = quorum_system("any:3", ("c", "a", "b", "d"))
    assert ["".join(quorum) for quorum in system.minimal1] == ["abc", "acd", "bcd", "abd"]
    assert ["".join(quorum) for quorum in quorum_system("grid:2x2", "dcba").minimal2] == [
        "bd",
        "ac",
    ]
