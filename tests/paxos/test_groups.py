"""Sets of names that are shared: they say what sets say, and are few objects."""

from paxcheck.paxos.groups import MOST, NOBODY, SMALL, Group, Groups


def grown(groups: Groups, names: str | list[str]) -> Group:
    group = NOBODY
    for name in names:
        group = groups.add(group, name)
    return group


def test_equal_groups_are_one_object() -> None:
    groups = Groups()
    assert grown(groups, "abc") == {"a", "b", "c"}
    assert grown(groups, "abc") is grown(groups, "cbab") is grown(groups, "bca")


def test_large_groups_are_sets_of_their_own() -> None:
    groups = Groups()
    names = [f"n{number}" for number in range(SMALL + 5)]
    one, other = grown(groups, names), grown(groups, names)
    assert one == other == set(names)
    assert one is not other
    assert groups.add(one, "x") is one
    assert "x" not in other


def test_many_different_groups_are_groups_still() -> None:
    groups = Groups()
    for number in range(MOST + 5):
        assert grown(groups, [f"a{number}", "b"]) == {f"a{number}", "b"}
    assert grown(groups, "xy") == {"x", "y"}
