"""The names on the wire and the names in the code stay apart, and Faust's own submodules are not taken for ours."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("streams", "schemas", "connectors", "models", "infra")


def test_every_module_says_what_it_is_for() -> None:
    silent = [str(path.relative_to(ROOT)) for path, tree in _modules() if not ast.get_docstring(tree)]
    assert not silent


def test_nobody_imports_from_faust_by_submodule() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, tree in _modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "faust"
    ]
    assert not found, "write `import faust` and `faust.X`: faust has submodules named streams and models"


def test_no_function_body_is_longer_than_sixty_lines() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.name}"
        for path, tree in _modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _body_lines(node) > 60
    ]
    assert not found


def test_no_test_module_is_imported_by_another() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for name in _imported(ast.parse(path.read_text()))
        if any(part.startswith("test_") or part == "conftest" for part in name.split("."))
    ]
    assert not found, "move what is shared to tests/support"


def _imported(tree: ast.Module) -> Iterator[str]:
    """Names of what a module imports of the tests."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name.startswith("tests."))
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tests"):
            yield from (f"{node.module}.{each.name}" for each in node.names)


def _modules() -> Iterator[tuple[Path, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path, ast.parse(path.read_text())


def _body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
