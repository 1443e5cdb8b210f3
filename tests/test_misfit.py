"""What a decoder says of data that does not fit, in the words of who wrote the data."""

from typing import Any

import msgspec
import pytest

from paxcheck.misfit import misfit, unreadable
from paxcheck.trace.log import AnyLogEvent, LogHeader

EVENT: Any = AnyLogEvent


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"kind":"log","family":[]}', "it has no `paxcheck`"),
        ('{"paxcheck":1,"kind":"log","family":"x"}', "`family` is a text, and must be a list"),
        (
            '{"paxcheck":1,"kind":"log","family":["x"]}',
            "`family[0]` is 'x', and must be one of: lease, paxos, raft",
        ),
        (
            '{"paxcheck":1,"kind":"log","family":[],"promise":"p"}',
            "`promise` is 'p', and must be one of: all, slot",
        ),
        (
            '{"paxcheck":1,"kind":"log","family":[],"complete":1}',
            "`complete` is a whole number, and must be true or false",
        ),
        (
            '{"paxcheck":1,"kind":"log","family":[],"cannot":{"a":3}}',
            "`cannot[...]` is a whole number, and must be a text",
        ),
        ("{", "it is cut off"),
        ("x", "it is not JSON: invalid character (byte 0)"),
    ],
)
def test_header(text: str, told: str) -> None:
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode(text, type=LogHeader)
    assert misfit(caught.value, LogHeader) == told


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ('"event":"state","state":{"role":"king"}', "`state.role` is 'king', and must be one of: "
         "candidate, follower, leader"),
        ('"event":"state","state":[{"role":"king"}]', "`state[0].role` is 'king', and must be one "
         "of: candidate, follower, leader"),
        ('"event":"send","to":"b","message":{"type":"prepare","ballot":1.5}', "`message.ballot` is "
         "a fraction, and must be a whole number, a text, a list or null"),
        ('"event":"send","to":"b","message":{"ballot":1}', "it has no `message.type`"),
        ('"event":"send","to":"b","message":{"tpe":1}', "there is no field `tpe` in `message`"),
        ('"event":"boot","first":3', "`first` is a whole number, and must be true, false or null"),
        ('"event":"boot","time":1e999', "`time` is too large a number"),
    ],
)  # fmt: skip
def test_event(fields: str, told: str) -> None:
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode(f'{{"node":"a",{fields}}}', type=EVENT)
    assert misfit(caught.value, EVENT) == told


def test_what_is_nested_too_deeply() -> None:
    with pytest.raises(RecursionError) as caught:
        msgspec.json.decode("[" * 100_000)
    assert unreadable(caught.value) == "nested too deeply"
