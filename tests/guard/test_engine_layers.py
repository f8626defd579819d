"""Engine and language are layers: no module of theirs imports, over whatever way, one that imports it.

Imports for types only count like all others, because a reader has to follow them too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("streams/engine", "streams/language")


def test_no_module_imports_one_that_imports_it() -> None:
    assert _circle(_imports(ROOT)) == []


def test_circle_for_types_only_is_found(tmp_path: Path) -> None:
    package = tmp_path / "streams" / "engine"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from streams.engine.a import X\n")
    (package / "a.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from streams.engine import b\n"
    )
    (package / "b.py").write_text("from streams.engine.a import X\n")
    assert set(_circle(_imports(tmp_path))) == {"streams.engine.a", "streams.engine.b"}


def _imports(root: Path) -> dict[str, set[str]]:
    """What each module of ours imports of ours, wherever the import stands in it."""
    modules = {_name(root, path): path for package in PACKAGES for path in sorted((root / package).rglob("*.py"))}
    return {name: set(_imported(ast.parse(path.read_text()), modules)) for name, path in modules.items()}


def _name(root: Path, path: Path) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def _imported(tree: ast.Module, modules: Mapping[str, Path]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            members = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from members & modules.keys()
            if node.module in modules and not members <= modules.keys():
                yield node.module


def _circle(graph: Mapping[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        return circle
    return []
