"""Finds models: bundled ones by name, a user's own by path. A model file is code: it is run."""

from __future__ import annotations

import importlib.util
import inspect
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from paxcheck.protocol.errors import PaxcheckError, UsageError, Where, is_model_file, model_lines
from paxcheck.protocol.lint import check_set_order
from paxcheck.protocol.node import Node
from paxcheck.protocol.protocol import Protocol, Scope

_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Model:
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
    order = list(_manifest(models_folder()))
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
        raise UsageError(f"there is no file {path}")
    module = _run(path)
    return Model(
        path.stem, path, _protocol_in(module, path), _manifest(path.parent).get(path.stem, {})
    )


def _run(path: Path) -> ModuleType:
    """Import the file under its own name; models beside it can be imported by theirs."""
    folder = str(path.parent.resolve())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    known = sys.modules.get(path.stem)
    if known is not None and getattr(known, "__file__", None) == str(path.resolve()):
        return known
    spec = importlib.util.spec_from_file_location(path.stem, path.resolve())
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        check_set_order(path.read_text(encoding="utf-8"), str(path.resolve()))
        spec.loader.exec_module(module)
    except PaxcheckError:
        raise
    except (UnicodeDecodeError, OSError) as problem:
        raise UsageError(f"{path} cannot be read as Python: {problem}") from None
    except SyntaxError as problem:
        raise PaxcheckError(
            f"the model is not valid Python: {problem.msg}",
            where=Where(problem.filename or str(path), problem.lineno or 1),
        ) from None
    except Exception as problem:
        lines = [w for w, _ in model_lines(problem.__traceback__) if is_model_file(w.file)]
        raise PaxcheckError(
            f"the model fails while it is loaded: {type(problem).__name__}: {problem}",
            where=lines[-1] if lines else Where(str(path), 1),
        ) from None
    return module


def _protocol_in(module: ModuleType, path: Path) -> type[Protocol]:
    own = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, Protocol)
        and value.__module__ == module.__name__
    ]
    if not own:
        raise UsageError(
            f"{path} defines no protocol", hint="class MyProtocol(Protocol): def nodes(self): ..."
        )
    return own[-1]


def _manifest(folder: Path) -> dict[str, dict[str, Any]]:
    """The expected results of the models in a folder: model -> scope -> numbers."""
    try:
        return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
