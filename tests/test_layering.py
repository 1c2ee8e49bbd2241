"""Imports run one way, stay inside the package relative, and start light."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

LAYERS = {
    "errors": 0,
    "registry": 0,
    "files": 0,
    "threads": 0,
    "data": 1,
    "encodings": 2,
    "predictors": 3,
    "search": 4,
    "evaluation": 4,
    "console": 5,
    "options": 6,
    "printing": 6,
    "inputs": 7,
    "data_commands": 8,
    "predictor_commands": 8,
    "cli": 9,
    "__init__": 10,
}
HEAVY = ("torch", "pandas", "sklearn", "matplotlib", "xgboost", "scipy", "pyarrow", "onnx")
EXECUTING_MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "marshal", "shelve"}
EXECUTING_CALLS = {"eval", "exec", "compile", "__import__", "torch.load", "joblib.load"}
ALLOWED: set[tuple[str, str]] = set()  # (path, name) of what may read code-carrying files

Trees = dict[str, ast.Module]


def layer(path: PurePosixPath) -> str:
    return path.with_suffix("").parts[0]


def imported_modules(tree: ast.AST) -> Iterator[str]:
    """Absolute names that a module imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or ""


def relative_imports(path: str, tree: ast.AST) -> Iterator[PurePosixPath]:
    """Paths, without suffix, of what a module imports from the package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level > 0:
            parents = PurePosixPath(path).parents
            folder = parents[node.level - 1]
            inside = folder.joinpath(*(node.module or "").split("."))
            names = [alias.name for alias in node.names]
            yield from (inside / name for name in names if not name.startswith("__"))


def executing(tree: ast.AST) -> Iterator[str]:
    """Names in a module that can run code out of a file."""
    for name in imported_modules(tree):
        if name.split(".")[0] in EXECUTING_MODULES:
            yield name
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in EXECUTING_CALLS:
            yield ast.unparse(node.func)
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            yield node.arg


def run(code: str, cwd: Path, **environment: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_every_module_has_a_layer(trees: Trees) -> None:
    assert {layer(PurePosixPath(path)) for path in trees} <= set(LAYERS)
    assert {layer(PurePosixPath(path)) for path in trees} >= {"data", "encodings", "evaluation"}


def test_imports_run_one_way(trees: Trees) -> None:
    upwards = [
        f"{path} imports {target}"
        for path, tree in trees.items()
        for target in relative_imports(path, tree)
        if layer(target) != layer(PurePosixPath(path))
        and LAYERS[layer(target)] >= max(LAYERS[layer(PurePosixPath(path))], 1)
    ]
    assert upwards == []


def test_the_check_sees_an_import_that_runs_upwards() -> None:
    tree = ast.parse("def f():\n    from ..search.base import Search\n    from .. import cli")
    targets = list(relative_imports("evaluation/metrics.py", tree))
    assert [str(target) for target in targets] == ["search/base/Search", "cli"]
    assert LAYERS["search"] >= LAYERS["evaluation"]


def test_imports_inside_the_package_are_relative(trees: Trees) -> None:
    own = {"archcast", *(LAYERS.keys() - {"__init__", "encodings"})}
    absolute = [
        f"{path} imports {name}"
        for path, tree in trees.items()
        for name in imported_modules(tree)
        if name.split(".")[0] in own
    ]
    assert absolute == []


def test_nothing_read_from_a_file_runs_as_code(trees: Trees) -> None:
    found = {(path, name) for path, tree in trees.items() for name in executing(tree)}
    assert found == ALLOWED


@pytest.mark.parametrize(
    "code",
    ["import pickle", "from pickle import loads", "eval('1')", "torch.load(p)", "__import__('os')"],
)
def test_the_check_sees_code_that_runs(code: str) -> None:
    assert list(executing(ast.parse(code)))


def test_a_models_eval_mode_is_no_evaluation_of_code() -> None:
    assert not list(executing(ast.parse("model.eval()\nre.compile('a')")))


def test_importing_archcast_is_light(tmp_path: Path) -> None:
    code = f"import sys, archcast; print([m for m in {HEAVY} if m in sys.modules])"
    assert run(code, tmp_path) == "[]"


def test_the_root_may_be_on_the_path(root: Path) -> None:
    code = "import archcast, encodings; print(encodings.__file__)"
    assert not Path(run(code, root, PYTHONPATH=".")).is_relative_to(root / "encodings")
    assert not (root / "encodings" / "__init__.py").exists()


def test_listing_the_registries_does_not_import_torch(trees: Trees, tmp_path: Path) -> None:
    homes = [path for path, tree in trees.items() if defines_registry(tree)]
    assert "data/spaces/base.py" in homes
    modules = [".".join(("archcast", *PurePosixPath(path).with_suffix("").parts)) for path in homes]
    code = f"""
import importlib, sys
from archcast.registry import Registry
for module in {modules}:
    for value in vars(importlib.import_module(module)).values():
        if isinstance(value, Registry):
            assert value.names(), value.what
print("torch" in sys.modules)
"""
    assert run(code, tmp_path) == "False"


def defines_registry(tree: ast.Module) -> bool:
    values = (node.value for node in tree.body if isinstance(node, (ast.Assign, ast.AnnAssign)))
    return any(
        isinstance(value, ast.Call) and ast.unparse(value.func).startswith("Registry")
        for value in values
    )
