"""What the text of a model must not depend on: the order of a set, and chance."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from model_files import refusal, write

from paxcheck.protocol import ModelError
from paxcheck.protocol.lint import check_source
from paxcheck.protocol.lint.functions import functions_of

ORDER = (
    "depends on the order of a set, which changes from run to run\n"
    "  walk it in order: sorted(...); or keep the items in a list, a dict or a field"
)
CHANCE = (
    ", whose result can differ from run to run\n"
    "  a step depends on fields and arguments only; self.choose(...) is a free choice"
)

TOP = """\
import datetime, itertools, os, random, secrets, time as clock, uuid
from datetime import date, datetime as moment
from random import choice
NAMES = {"x", "y"}
LISTED = ["x", "y"]
def both(): return NAMES | {"z"}
def again(): return both()
"""
BODY = """\
class A:
    OWN = {"x"}
    listed = ["x"]
    @property
    def known(self): return set(self.listed)
    def known_too(self): return frozenset(self.listed)
    def go(self, given):
        s = {"x", "y"}
        t: set = set()
        u = s if given else []
        """


def found(code: str) -> str:
    """What is said about the line of code, in a method of a class, without its place."""
    with pytest.raises(ModelError) as caught:
        check_source(TOP + BODY + code, "/m.py")
    assert caught.value.where is not None
    assert caught.value.where.line == (TOP + BODY).count("\n") + 1
    return f"{caught.value.message}\n  {caught.value.hint}"


@pytest.mark.parametrize(
    "code",
    [
        "for x in s: pass",
        "for x in {'x'}: pass",
        "for x in set(given): pass",
        "for x in s | given: pass",
        "for x in given - s: pass",
        "for x in s.union(given).copy(): pass",
        "for x in u: pass",
        "for x in NAMES: pass",
        "for x in A.OWN: pass",
        "for x in self.OWN: pass",
        "for x in self.known: pass",
        "for x in self.known_too(): pass",
        "for x in both(): pass",
        "for x in again(): pass",
        "for x in (s if given else t): pass",
        "return [x for x in s]",
        "return {x: 1 for x in s}",
        "return {y for x in given for y in list(s)}",
        "return next(iter(s))",
        "return list(s)",
        "return tuple(x for x in NAMES)",
        "return dict(enumerate(s))",
        "return self.choose(x for x in s)",
        "return self.choose([x for x in s])",
        "return (x for x in s)",
        "return list(map(str, s))",
        "return list(itertools.combinations(NAMES, 2))",
        "return ''.join(s)",
        "self.listed.extend(s)",
        "return dict.fromkeys(s)",
        "return s.pop()",
        "return [*s]",
        "return max(*s, key=len)",
        "return self.send(*s)",
        "x, y = s",
        "return str(s)",
        "return f'{s}'",
        "yield from s",
        "return min(s, key=len)",
        "return max(NAMES, key=len)",
        "return sorted(s, key=len)",
        "return sum(([x] for x in s), [])",
        "return [y for y in (lambda: s)()]; return list(s)",
    ],
)
def test_the_order_of_a_set(code: str) -> None:
    assert found(code) == f"A.go {ORDER}"


@pytest.mark.parametrize(
    "code",
    [
        "for x in sorted(s): pass",
        "for x in self.fields: pass",
        "for x in given: pass",
        "for x in LISTED: pass",
        "for x in self.listed: pass",
        "return len(s) + len([x for x in s]) + len({x for x in s})",
        "return sorted(x for x in s if x)",
        "return sorted(list(s))",
        "return any(x for x in s) and all([x for x in NAMES])",
        "return min(s) + max(x for x in s) + sum(len(x) for x in s)",
        "return set(map(str, s)) | frozenset(x for x in s)",
        "return {*s, *NAMES}",
        "return 'x' in s and s <= NAMES",
        "return self.choose(s)",
        "self.send(s, given)",
        "NAMES = [1]; return list(NAMES)",
        "s = list(given); return list(s)",
        "return max(sorted(s), key=len)",
        "return given.pop() + given.pop(0)",
        "x, y = given",
        "return len(*s)",
    ],
)
def test_what_does_not_depend_on_the_order(code: str) -> None:
    check_source(TOP + BODY + code, "/m.py")


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("return random.choice(self.listed)", "random.choice"),
        ("return choice(self.listed)", "random.choice"),
        ("return random.Random().random()", "random.Random"),
        ("pick = random; return pick.choice([1])", "random"),
        ("return clock.time()", "time.time"),
        ("return clock.perf_counter_ns()", "time.perf_counter_ns"),
        ("return datetime.datetime.now()", "datetime.datetime.now"),
        ("return moment.utcnow()", "datetime.datetime.utcnow"),
        ("return date.today()", "datetime.date.today"),
        ("return uuid.uuid4()", "uuid.uuid4"),
        ("return os.urandom(1)", "os.urandom"),
        ("return os.environ['HOME']", "os.environ"),
        ("return secrets.token_hex()", "secrets.token_hex"),
        ("import numpy as np; return np.random.rand()", "numpy.random.rand"),
        ("return hash('abc')", "hash()"),
        ("return sorted(self.listed, key=hash)", "hash()"),
        ("return id(self)", "id()"),
        ("return given.__hash__()", "__hash__()"),
        ("return open(given).read()", "open()"),
        ("return input()", "input()"),
    ],
)
def test_chance(code: str, what: str) -> None:
    assert found(code) == f"A.go uses {what}{CHANCE}"


@pytest.mark.parametrize(
    "code",
    [
        "id = 3; return id",
        "return random.Random(7).choice([1, 2])",
        "random = given; return random.choice(1)",
        "return datetime.timedelta(1)",
        "return self.time.random",
        "return [hash for hash in given]",
        "return uuid.uuid5(uuid.NAMESPACE_DNS, 'x')",
        "return os.path.join('a', 'b')",
        "return sorted(given, key=lambda id: id)",
    ],
)
def test_what_is_not_chance(code: str) -> None:
    check_source(TOP + BODY + code, "/m.py")


def refused(source: str) -> str:
    with pytest.raises(ModelError) as caught:
        check_source(source, "/m.py")
    return str(caught.value)


def test_functions_that_nothing_uses_are_not_looked_at() -> None:
    unused = "import time\ndef test_speed(): return time.time()\n"
    check_source(unused + "class A:\n    def go(self): pass\n", "/m.py")
    nested = "class A:\n    class B:\n        x = 1\n        def go(self): return two()\n"
    told = f"/m.py:2: test_speed uses time.time{CHANCE}"
    assert refused(unused + "def two(): return test_speed()\n" + nested) == told
    assert refused(unused + "START = test_speed()\n") == told
    tree = ast.parse("def f(): g()\ndef g(): f()\nclass A:\n    x = 1\n    def m(self): f\n")
    names = [function.name for function in functions_of(tree)]
    assert names == ["the file", "A", "A.m", "f", "g"]


def test_the_statements_of_a_file_and_of_a_class() -> None:
    assert refused("VALUES = tuple({'x', 'y'})") == f"/m.py:1: the file {ORDER}"
    assert refused("class A:\n    X = [*{'x', 'y'}]") == f"/m.py:2: A {ORDER}"
    assert refused("import random\nX = random.random()") == (
        f"/m.py:2: the file uses random.random{CHANCE}"
    )
    assert (
        refused("class A:\n    x = id\n    def id(self): pass") == f"/m.py:2: A uses id(){CHANCE}"
    )
    check_source("if __name__ == '__main__':\n    import time\n    print(time.time())", "/m.py")
    check_source("import random\nVALUES = random.Random(7).sample(range(9), 3)", "/m.py")
    check_source("def hash(n): return n\nX = hash(1)", "/m.py")


def test_a_model_and_the_files_beside_it_are_looked_at(tmp_path: Path) -> None:
    (tmp_path / "chance_beside.py").write_text("import random\ndef die(): return random.random()\n")
    (tmp_path / "node_beside.py").write_text(
        "from paxcheck import *\nclass Base(Node):\n    def any(self): return hash('a')\n"
    )
    beside = f"{tmp_path}/node_beside.py:3: Base.any uses hash(){CHANCE}"
    for line, told in [
        ("def die(): return hash('a')", f"FILE:6: die uses hash(){CHANCE}"),
        ("from node_beside import Base", beside),
        ("from node_beside import Base as Again", beside),
    ]:
        path = write(
            tmp_path,
            f"{line}\nclass A(Node):\n    x: int = durable(0)\n    @action\n"
            "    def go(self): self.x = die() % 2\n"
            "class Test(Protocol):\n    def nodes(self): return [A('a')]\n",
        )
        assert refusal(path) == told


SEEDS = """
import dataclasses
@dataclasses.dataclass(frozen=True)
class Groups:
    parts: frozenset
class A(Node):
    peers: set[str] = constant()
    groups: Groups = constant()
    known: set[str] = durable(set("qwertz"))
    log: tuple[str, ...] = durable(())
    @action
    def go(self):
        if len(self.log) < 3:
            first = [*self.peers, *self.groups.parts, *self.known, *self.known.union(["a"])]
            self.log = (*self.log, self.choose(first))
            self.send(self.peers, Ping(len(self.log)))
    def on_ping(self, msg: Ping): self.known.discard(self.choose(self.known | self.peers))
class Test(Protocol):
    def nodes(self):
        names = {"alpha", "beta", "gamma"}
        return [A(n, peers=names - {n}, groups=Groups(frozenset("xyz"))) for n in sorted(names)]
    @invariant
    def short(self, world):
        "Logs are short."
        return all(len(a.log) < 2 or a.log[0] != a.log[1] for a in world.nodes(A))
    @reachable
    def forgot(self, world):
        "Something is forgotten."
        return any(len(a.known) < 6 for a in world.nodes(A))
"""


def test_every_hash_seed_gives_the_same_result(tmp_path: Path) -> None:
    path = write(tmp_path, SEEDS)
    for engine in ("reference", "compiled"):
        seen: set[str] = set()
        for seed in ("0", "1", "2", "77"):
            done = subprocess.run(
                [sys.executable, "-m", "paxcheck", "check", str(path), "--max-states", "2000",
                 "--format", "json", "--engine", engine],
                env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=False,
            )  # fmt: skip
            result = json.loads(done.stdout)
            del result["seconds"]
            seen.add(json.dumps(result))
        assert len(seen) == 1
        assert json.loads(seen.pop())["counterexample"]["property"] == "short"
