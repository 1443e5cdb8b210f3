"""Finding and loading models: whatever is wrong with a file, it is told with its place."""

import inspect
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import paxcheck
from paxcheck.loading import Model, load_model, models_folder
from paxcheck.protocol import PaxcheckError, System
from paxcheck.protocol.errors import is_model_file

MODEL = """
from paxcheck import *
class A(Node):
    x: str = durable("")
    @action
    def go(self): self.x = "ä"
class Test(Protocol):
    def nodes(self): return [A("a")]
"""


def refusal(path: Path) -> str:
    """The whole error, with `FILE` for the file."""
    with pytest.raises(PaxcheckError) as caught:
        load_model(str(path))
    return str(caught.value).replace(str(path), "FILE")


def states(model: Model) -> int:
    system = System(model.protocol())
    return 1 + sum(1 for _ in system.successors(system.initial()))


def test_a_byte_order_mark_and_another_encoding(tmp_path: Path) -> None:
    marked, latin = tmp_path / "marked.py", tmp_path / "latin.py"
    marked.write_bytes(b"\xef\xbb\xbf" + MODEL.encode())
    latin.write_bytes(b"# -*- coding: latin-1 -*-" + MODEL.encode("latin-1"))
    assert states(load_model(str(marked))) == states(load_model(str(latin))) == 2


UNREADABLE = {
    "not utf-8": (
        MODEL.encode("latin-1"),
        "FILE cannot be read as Python: 'utf-8' codec can't decode byte 0xe4 in position 104: "
        "invalid continuation byte\n  save it as UTF-8",
    ),
    "unknown encoding": (
        b"# coding: klingon\n" + MODEL.encode(),
        "FILE:1: the model is not valid Python: unknown encoding for 'FILE': klingon",
    ),
    "not Python": (
        b"from paxcheck import *\nclass\n",
        "FILE:2: the model is not valid Python: invalid syntax",
    ),
    "leaves": (
        b"from paxcheck import *\nraise SystemExit(0)\n",
        "FILE:2: the model fails while it is loaded: SystemExit: 0\n"
        "  FILE:2 in <module>: raise SystemExit(0)",
    ),
    "fails below": (
        b"def third(n):\n    return n[3]\nX = third([1])\n",
        "FILE:2: the model fails while it is loaded: IndexError: list index out of range\n"
        "  FILE:3 in <module>: X = third([1])\n  FILE:2 in third: return n[3]",
    ),
    "imports what is not there": (
        b"import nowhere_to_be_found\n",
        "FILE:1: the model fails while it is loaded: ModuleNotFoundError: No module named "
        "'nowhere_to_be_found'\n  FILE:1 in <module>: import nowhere_to_be_found",
    ),
    "no protocol": (
        b"from paxcheck import *\nclass A(Node): pass\n",
        "FILE defines no protocol\n  class MyProtocol(Protocol): def nodes(self): ...",
    ),
    "two protocols": (
        b"from paxcheck import *\nclass A(Protocol): pass\nclass B(Protocol): pass\n",
        "FILE:3: the file defines 2 protocols: A, B\n"
        "  which one is meant? Keep one in a file, or let one derive from the others",
    ),
    "two variants": (
        b"from paxcheck import *\nclass A(Protocol): pass\nclass B(A): pass\nclass C(A): pass\n",
        "FILE:4: the file defines 2 protocols: B, C\n"
        "  which one is meant? Keep one in a file, or let one derive from the others",
    ),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_is_no_model_says_so_each_time(name: str, tmp_path: Path) -> None:
    text, told = UNREADABLE[name]
    path = tmp_path / f"no_{name.replace(' ', '_')}.py"
    path.write_bytes(text)
    assert refusal(path).removeprefix("FILE:1: ") == told.removeprefix("FILE:1: ")
    assert refusal(path).removeprefix("FILE:1: ") == told.removeprefix("FILE:1: ")


def test_ctrl_c_while_a_model_is_loaded_is_ctrl_c(tmp_path: Path) -> None:
    path = tmp_path / "interrupted.py"
    path.write_text("raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        load_model(str(path))
    assert "interrupted" not in sys.modules


def test_a_file_beside_it_that_fails_may_be_caught(tmp_path: Path) -> None:
    (tmp_path / "failing_beside.py").write_text("import nowhere_to_be_found\n")
    path = tmp_path / "careful.py"
    path.write_text("try: import failing_beside\nexcept ImportError: pass\n" + MODEL)
    assert states(load_model(str(path))) == 2


def test_no_such_file() -> None:
    with pytest.raises(PaxcheckError) as caught:
        load_model("nowhere/model.py")
    assert str(caught.value) == (
        "there is no file nowhere/model.py\n  give the path of a model, or a bundled one: "
        "single_server, broadcast, rounds, majority, synod, synod_amnesia"
    )


def test_the_protocol_that_derives_from_the_others_is_meant(tmp_path: Path) -> None:
    path = tmp_path / "derived.py"
    path.write_text(
        "from synod import Synod\nfrom rounds import *\n"
        "class Base(Synod): pass\nclass Best(Base): pass\nAgain = Best\n"
    )
    assert load_model(str(path)).protocol.__name__ == "Best"


@pytest.mark.parametrize("name", ["queue", "random", "click", "numpy", "paxcheck", "__main__"])
def test_a_file_with_the_name_of_a_library_must_be_renamed(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.py"
    path.write_text(MODEL)
    before = dict(sys.modules)
    assert refusal(path) == (
        f"FILE: there is a Python module {name!r} already, and the two would be mixed up\n"
        f"  rename the file, for example to my_{name.strip('_')}.py"
    )
    assert sys.modules.get(name) is before.get(name)


def test_no_file_beside_a_model_hides_a_library(tmp_path: Path) -> None:
    for name in ("random", "msgspec", "numba", "queue"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(0)\n")
    (tmp_path / "beside.py").write_text("KNOWN = 1\n")
    path = tmp_path / "model.py"
    path.write_text("import queue, random\nfrom beside import KNOWN\n" + MODEL)
    done = subprocess.run(
        [sys.executable, "-m", "paxcheck", "check", str(path), "--format", "json"],
        capture_output=True, text=True, check=False, cwd=models_folder(),
    )  # fmt: skip
    assert (done.returncode, json.loads(done.stdout)["distinct_states"]) == (0, 2)


def test_a_model_may_build_on_a_bundled_one(tmp_path: Path) -> None:
    path = tmp_path / "building.py"
    path.write_text("from synod import Synod\nclass Mine(Synod): pass\n")
    protocol = load_model(str(path)).protocol
    assert protocol.declared_params()["acceptors"].default == 3
    assert inspect.getfile(protocol.__mro__[1]) == str(models_folder() / "synod.py")


def test_a_changed_copy_of_a_bundled_model_is_the_one_that_is_checked(tmp_path: Path) -> None:
    copy = tmp_path / "synod.py"
    shutil.copy(models_folder() / "synod.py", copy)
    (tmp_path / "on_top.py").write_text("from synod import Synod\nclass Mine(Synod): pass\n")
    script = (
        "from paxcheck.loading import load_model\n"
        "bundled = load_model('synod_amnesia').protocol\n"
        "mine = load_model('synod.py').protocol\n"
        "top = load_model('on_top.py').protocol\n"
        "print(*[c.nodes.__code__.co_filename for c in (bundled, mine, top)])\n"
        "print(top.__mro__[1] is mine)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout == f"{models_folder() / 'synod.py'} {copy} {copy}\nTrue\n"


@pytest.mark.parametrize("manifest", ["{", "[]", '{"model": {"default": 3}}', '{"model": 5}'])
def test_a_manifest_beside_a_model_is_not_ours(manifest: str, tmp_path: Path) -> None:
    path = tmp_path / f"model_{len(manifest)}.py"
    path.write_text(MODEL)
    (tmp_path / "manifest.json").write_text(manifest.replace("model", path.stem))
    assert load_model(str(path)).expected == {}
    assert list(load_model("synod").expected) == list(load_model("synod").scopes)
    assert load_model(str(models_folder() / "rounds.py")).expected != {}


def test_what_a_model_prints_while_it_is_loaded_is_no_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "talking.py"
    path.write_text("print('hello')\n" + MODEL)
    load_model(str(path))
    assert capsys.readouterr() == ("", "hello\n")


def test_which_files_are_a_models() -> None:
    package = str(Path(paxcheck.__file__).parent)
    for file in (
        f"{sys.base_prefix}/share/models/m.py",
        f"{sys.prefix}/m.py",
        f"{package}_models/m.py",
        "/home/me/m.py",
    ):
        assert is_model_file(file), file
    for file in (
        f"{package}/protocol/run.py",
        os.__file__,
        json.__file__,
        f"{sysconfig.get_path('purelib')}/click/core.py",
        "/usr/lib/python3/dist-packages/yaml.py",
        f"{sysconfig.get_path('scripts')}/paxcheck",
        "<string>",
    ):
        assert not is_model_file(file), file
