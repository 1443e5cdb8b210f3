"""A key that a line has twice is refused wherever it hides; a line that only looks so is read."""

import pytest

from paxcheck.trace.adapters.native import facts
from paxcheck.trace.read import TraceError

HEADER = '{"paxcheck":1,"kind":"log","family":["paxos"]}'


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('{"event":"boot","node":"n","seq":1,"seq":2}', "seq"),
        ('{"event" :"boot","node":"n","seq":1,"seq":2}', "seq"),
        ('{"event"\t:"boot","node":"n","seq":1,"seq":2}', "seq"),
        ('{"event":"boot","node":"n","seq":1,"se\\u0071":2}', "seq"),
        ('{"event":"boot","node":"n","inc":0,"time":1,"time":2}', "time"),
        ('{"event":"boot","node":"n","note":{"A b":1,"A b":2}}', "A b"),
        ('{"event":"boot","node":"n","note":{"A":1,"A":2},"note":null}', "A"),
        # a text that has fewer colons here than when it is written again
        ('{"event":"request","node":"m","node":"n","value":"\\u0022:"}', "node"),
        ('{"event":"request","node":"m","node":"n","value":"\\u003a"}', "node"),
        ('{"event":"request","node":"m","node":"n","value":"\\u003A"}', "node"),
    ],
)
def test_refused(line: str, key: str) -> None:
    with pytest.raises(TraceError, match=f"^f:2: this line has the key '{key}' twice$"):
        list(facts([(1, HEADER), (2, line)], "f"))


@pytest.mark.parametrize(
    "line",
    [
        # "term" twice, in two objects; "granted" has the value that is left out when written
        '{"event":"receive","node":"n","sender":"m","message":{"type":"vote","term":3,'
        '"granted":true},"state":{"term":3}}',
        '{"event":"request","node":"n","inc":0,"value":"x\\":1,\\"x\\":2"}',
    ],
)
def test_read(line: str) -> None:
    assert len(list(facts([(1, HEADER), (2, line)], "f"))) >= 1
