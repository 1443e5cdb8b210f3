"""Imports run one way. The first line is the bottom; a package may import those above it."""

import ast
from pathlib import Path

import paxcheck

ROOT = Path(paxcheck.__file__).parent
MODELS = ROOT.parent.parent / "models"
LAYERS = [
    "plain",
    "misfit",
    "garbage",
    "clock",
    "protocol",
    "paxos",
    "raft",
    "loading",
    "engine",
    "trace",
    "record",
    "testing",
    "pytest_plugin",
    "story",
    "cli",
]
LEARNERS_SEE = {"paxcheck", "paxcheck.paxos"}


def imports(path: Path) -> list[tuple[str, bool]]:
    """The modules that a file imports, and whether it does so inside a function."""
    tree = ast.parse(path.read_text())
    inner = {
        id(node)
        for f in ast.walk(tree)
        if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(f)
    }
    typing_only = {
        id(node)
        for i in ast.walk(tree)
        if isinstance(i, ast.If) and ast.unparse(i.test) == "TYPE_CHECKING"
        for node in ast.walk(i)
    }
    found: list[tuple[str, bool]] = []
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) in inner) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append((node.module, id(node) in inner))
    return found


def layer(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "cli"


def test_imports_run_down() -> None:
    seen = 0
    for path in ROOT.rglob("*.py"):
        if "_models" in path.parts or (path.parent == ROOT and path.stem.startswith("__")):
            continue
        relative = path.relative_to(ROOT)
        mine = LAYERS.index(relative.parts[0].removesuffix(".py"))
        for module, _ in imports(path):
            if module.startswith("paxcheck."):
                seen += 1
                assert LAYERS.index(layer(module)) <= mine, f"{relative} imports {module}"
    assert seen > 100


def test_no_import_of_ours_inside_a_function() -> None:
    for path in ROOT.rglob("*.py"):
        inside = [m for m, inner in imports(path) if inner and m.startswith("paxcheck")]
        assert inside == [], path


def test_models_see_only_the_public_language() -> None:
    names = {path.stem for path in MODELS.glob("*.py")}
    assert len(names) == 6
    for path in MODELS.glob("*.py"):
        for module, _ in imports(path):
            assert module in LEARNERS_SEE or module in names, f"{path.name} imports {module}"


def test_modules_stay_readable() -> None:
    """One module does one thing, in at most 500 lines."""
    for path in ROOT.rglob("*.py"):
        assert path.read_text().count("\n") <= 500, path
