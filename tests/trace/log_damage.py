"""Damage to a log, as bytes: what a disk, an editor or an enemy could do to it."""

import json
import random
import re

TOKEN = re.compile(rb'"(?:[^"\\\n]|\\.)*"|-?\d+(?:\.\d+)?|true|false|null')
POISON: tuple[bytes, ...] = (
    b"null",
    b"true",
    b"false",
    b"0",
    b"-1",
    b"1",
    b"2",
    b"7.5",
    b'"1"',
    b'"x"',
    b'""',
    b"[]",
    b"{}",
    b"[1]",
    b'["a", 1]',
    b"[[1]]",
    b'[1, "a"]',
    b'{"n": 1, "by": "A"}',
    b'{"n": null, "by": 3}',
    b"18446744073709551616",
    b"9" * 400,
    b"1e999",
    b"NaN",
    b"Infinity",
    b'"\\ud800"',
    b'"\\u0000"',
    b"[" * 600 + b"]" * 600,
)
SCRAPS: tuple[bytes, ...] = (b"\x00", b"\xff", b"\n", b"\r\n", b'"', b"{", b"}", b",", b"\x1f\x8b")


def damaged(log: bytes, seed: int) -> bytes:
    """The log after one to four blows; the seed says which."""
    chance = random.Random(seed)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        log = chance.choice(BLOWS)(log, chance)
    return log


def _token(log: bytes, chance: random.Random) -> bytes:
    found = list(TOKEN.finditer(log))
    if not found:
        return log
    old = chance.choice(found)
    if chance.random() < 0.3:
        new = log[slice(*chance.choice(found).span())]  # another token of the same log
    else:
        new = chance.choice(POISON)
    return log[: old.start()] + new + log[old.end() :]


def _everywhere(log: bytes, chance: random.Random) -> bytes:
    """One token, wherever it stands (a name, a number, a key)."""
    found = list(TOKEN.finditer(log))
    if not found:
        return log
    return log.replace(chance.choice(found)[0], chance.choice(POISON))


def _key(log: bytes, chance: random.Random) -> bytes:
    rows = log.splitlines()
    if not rows:
        return log
    at = chance.randrange(len(rows))
    try:
        value = json.loads(rows[at])
    except ValueError:
        return log
    inner = value
    while isinstance(inner, dict) and inner:
        key = chance.choice(sorted(inner))
        if not isinstance(inner[key], dict) or chance.random() < 0.4:
            del inner[key]
            break
        inner = inner[key]
    rows[at] = json.dumps(value).encode()
    return b"\n".join(rows) + b"\n"


def _rows(log: bytes, chance: random.Random) -> bytes:
    rows = log.splitlines(keepends=True)
    if not rows:
        return log
    one, two = chance.randrange(len(rows)), chance.randrange(len(rows))
    what = chance.randrange(4)
    if what == 0:
        del rows[one]
    elif what == 1:
        rows.insert(two, rows[one])
    elif what == 2:
        rows[one], rows[two] = rows[two], rows[one]
    else:
        rows[one] = rows[one][: chance.randrange(len(rows[one]) + 1)]
    return b"".join(rows)


def _bytes(log: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(log) + 1)
    what = chance.randrange(4)
    if what == 0:
        return log[:at]
    if what == 1:
        return log[:at] + chance.choice(SCRAPS) + log[at:]
    if what == 2:
        return log[:at] + bytes([chance.randrange(256)]) + log[at + 1 :]
    return log[:at] + log[at + chance.randrange(200) :]


BLOWS = (_token, _token, _token, _everywhere, _key, _rows, _bytes)
