"""Whatever the code reads of the site folder is known to who compares it (`exlify site diff`) and tells of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from streams.ground.site_contents import FILES, FOLDERS

ROOT = Path(__file__).parents[2] / "streams"
NAMES = ("FILE", "FOLDER", "SITE_FOLDER")


def declared() -> Iterator[tuple[str, str]]:
    """Names of files and folders, as modules that read them call them."""
    for file in ROOT.rglob("*.py"):
        for statement in ast.parse(file.read_text()).body:
            if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Constant):
                continue
            if isinstance(target := statement.targets[0], ast.Name) and target.id in NAMES:
                yield str(file.relative_to(ROOT)), str(statement.value.value)


def test_every_file_and_folder_that_is_read_is_compared() -> None:
    found = list(declared())
    assert len(found) > len(FILES), "modules call them FILE, FOLDER or SITE_FOLDER"
    assert [(module, name) for module, name in found if name not in (*FILES, *FOLDERS)] == []


def test_nothing_is_compared_that_nobody_reads() -> None:
    assert {*FILES, *FOLDERS} - {name for _, name in declared()} == set()
