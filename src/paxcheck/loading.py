"""Finds models: bundled ones by name, a user's own by path. A model file is code: it is run."""

from __future__ import annotations

import importlib.util
import inspect
import json
import sys
import tokenize
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from msgspec import Struct

from paxcheck.protocol.errors import (
    NOT_THE_MODELS,
    PaxcheckError,
    UsageError,
    Where,
    in_one_line,
    is_model_file,
    lines_in_words,
    model_lines,
    where_of_class,
)
from paxcheck.protocol.lint import check_source
from paxcheck.protocol.node import Node
from paxcheck.protocol.protocol import Protocol, Scope

_HERE = Path(__file__).resolve().parent


class Model(Struct, frozen=True):
    """A loaded model: its name, its file and the protocol class that the file defines."""

    name: str
    path: Path
    protocol: type[Protocol]
    expected: Mapping[str, Mapping[str, Any]]

    @property
    def reference(self) -> str:
        """What finds this model again: the name of a bundled model, the path of another."""
        bundled = self.path.resolve().parent == models_folder().resolve()
        return self.name if bundled else str(self.path)

    @property
    def scopes(self) -> Mapping[str, Scope]:
        """The named configurations; the first is the default."""
        return self.protocol.scopes or {"default": Scope("the parameters' defaults")}

    def node_classes(self) -> tuple[type[Node], ...]:
        """The node classes in the model's file, and in the files whose protocol it extends."""
        bases = [b for b in reversed(self.protocol.__mro__) if issubclass(b, Protocol)]
        modules = [sys.modules[b.__module__] for b in bases if b is not Protocol]
        known = [value for module in modules for value in vars(module).values()]
        classes = [v for v in known if inspect.isclass(v) and issubclass(v, Node) and v is not Node]
        return tuple(dict.fromkeys(classes))

    def scope(self, name: str | None) -> tuple[str, Scope]:
        """The scope of that name, or the first. Raises UsageError."""
        scopes = self.scopes
        if name is None:
            return next(iter(scopes.items()))
        if name not in scopes:
            raise UsageError(
                f"model {self.name} has no scope {name!r}", hint=f"scopes: {', '.join(scopes)}"
            )
        return name, scopes[name]


def models_folder() -> Path:
    """Where the bundled models lie: inside the wheel, or at the top of the repository."""
    shipped = _HERE / "_models"
    return shipped if shipped.is_dir() else _HERE.parent.parent / "models"


def page(name: str) -> str:
    """A page of the documentation that the package ships."""
    shipped = _HERE / "_docs"
    folder = shipped if shipped.is_dir() else _HERE.parent.parent / "docs"
    return (folder / name).read_text(encoding="utf-8")


def bundled_models() -> list[str]:
    """The names of the bundled models, in the order of the ladder."""
    names = {p.stem for p in models_folder().glob("*.py") if not p.stem.startswith("_")}
    order = list(_manifest())
    return [n for n in order if n in names] + sorted(names - set(order))


def load_model(name: str) -> Model:
    """The model of that name, or in the file of that path.

    Raises UsageError when there is none, and PaxcheckError with the model's own line when its
    code fails.
    """
    path = Path(name)
    if path.suffix != ".py":
        path = models_folder() / f"{name}.py"
        if not path.is_file():
            raise UsageError(
                f"there is no model {name!r}",
                hint=f"bundled: {', '.join(bundled_models())}; your own: its path, ending in .py",
            )
    if not path.is_file():
        raise UsageError(
            f"there is no file {path}",
            hint=f"give the path of a model, or a bundled one: {', '.join(bundled_models())}",
        )
    protocol = _protocol_in(_run(path.resolve()), path)
    is_bundled = path.resolve().parent == models_folder().resolve()
    expected = _manifest().get(path.stem, {}) if is_bundled else {}
    return Model(path.stem, path, protocol, expected)


def _run(path: Path) -> ModuleType:
    """Import the file under its own name; files beside it, and bundled models, by theirs.

    What it prints goes to stderr: stdout is for results.
    """
    known = sys.modules.get(path.stem)
    if known is not None and getattr(known, "__file__", None) == str(path):
        return known
    if _is_library(path.stem):
        raise UsageError(
            f"{path}: there is a Python module {path.stem!r} already, and the two would be mixed "
            "up",
            hint=f"rename the file, for example to my_{path.stem.strip('_')}.py",
        )
    beside = _Beside([path.parent, models_folder().resolve()])
    beside.forget_others()
    before = dict(sys.modules)
    sys.meta_path.insert(0, beside)
    try:
        with redirect_stdout(sys.stderr):
            module = _executed(path)
            files = {n: str(file) for n, file in beside.found.items() if n in sys.modules}
            for file in files.values():
                check_source(_text_of(Path(file)), file)
    except BaseException:
        # Nothing of it stays, so that the next try says the same.
        for name in (path.stem, *beside.found):
            sys.modules.pop(name, None)
            if name in before:
                sys.modules[name] = before[name]
        raise
    finally:
        sys.meta_path.remove(beside)
    _loaded.update({path.stem: str(path), **files})
    return module


_loaded: dict[str, str] = {}
"""The models, and the files beside them, that were loaded: name -> file."""


class _Beside:
    """While a model is loaded: first the files beside it, then the bundled models.

    They come before what happens to lie in the current folder, and never instead of a library.
    """

    def __init__(self, folders: list[Path]) -> None:
        self._folders = folders
        self.found: dict[str, Path] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The file of that name, if there is one."""
        if path is None and not _is_library(fullname):
            file = self._file_of(fullname)
            if file is not None:
                self.found[fullname] = file
                return importlib.util.spec_from_file_location(fullname, file)
        return None

    def forget_others(self) -> None:
        """Forget files of the same names that lie beside another model."""
        for name, file in list(_loaded.items()):
            if str(self._file_of(name) or file) != file:
                del _loaded[name]
                sys.modules.pop(name, None)

    def _file_of(self, name: str) -> Path | None:
        files = [folder / f"{name}.py" for folder in self._folders]
        return next((file for file in files if file.is_file()), None)


def _is_library(name: str) -> bool:
    """Whether this is the name of a module that is no model."""
    if name == "__main__" or name in sys.stdlib_module_names:
        return True
    known = sys.modules.get(name)
    if known is not None and not is_model_file(getattr(known, "__file__", None) or "<"):
        return True
    folders = [folder for folder in sys.path if not is_model_file(f"{folder}/{name}.py")]
    return PathFinder.find_spec(name, folders) is not None


def _executed(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    try:
        check_source(_text_of(path), str(path))
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
    except (UnicodeDecodeError, OSError) as problem:
        raise UsageError(
            f"{path} cannot be read as Python: {problem}", hint="save it as UTF-8"
        ) from None
    except SyntaxError as problem:
        raise PaxcheckError(
            f"the model is not valid Python: {problem.msg}",
            where=Where(problem.filename or str(path), problem.lineno or 1),
        ) from None
    except NOT_THE_MODELS:
        raise
    except BaseException as problem:
        lines = model_lines(problem.__traceback__)
        raise PaxcheckError(
            f"the model fails while it is loaded: {in_one_line(problem)}",
            where=lines[-1][0] if lines else Where(str(path), 1),
            hint="\n  ".join(lines_in_words(lines)),
        ) from None
    return module


def _text_of(path: Path) -> str:
    """The text as Python reads it: with a byte order mark, or in another encoding."""
    with tokenize.open(path) as file:
        return file.read()


def _protocol_in(module: ModuleType, path: Path) -> type[Protocol]:
    """The protocol that the file defines; of several the one that derives from the others."""
    own = [
        value
        for value in dict.fromkeys(v for v in vars(module).values() if inspect.isclass(v))
        if issubclass(value, Protocol) and value.__module__ == module.__name__
    ]
    if not own:
        raise UsageError(
            f"{path} defines no protocol", hint="class MyProtocol(Protocol): def nodes(self): ..."
        )
    last = [cls for cls in own if not any(o is not cls and issubclass(o, cls) for o in own)]
    if len(last) > 1:
        raise PaxcheckError(
            f"the file defines {len(last)} protocols: {', '.join(c.__name__ for c in last)}",
            where=where_of_class(last[1]),
            hint="which one is meant? Keep one in a file, or let one derive from the others",
        )
    return last[0]


def _manifest() -> dict[str, dict[str, Any]]:
    """The expected results of the bundled models: model -> scope -> numbers."""
    try:
        return json.loads((models_folder() / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
