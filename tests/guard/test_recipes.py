"""The recipes of CONTRIBUTING.md are true: followed to the letter in a copy of the project, each does what it says.

How many files a recipe writes by hand is held here as well. One more is a fault of structure: a thing declares itself
once, in its own package, and stands in one list.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.recipes import page
from tests.recipes.page import Change, PageError
from tests.recipes.proofs import PROOFS

ROOT = Path(__file__).parents[2]
RECIPES = page.recipes((ROOT / "CONTRIBUTING.md").read_text())
BY_HAND: Mapping[str, tuple[int, int]] = {
    "A connector operation": (2, 1),  # the declaration with its list, and the method
    "A connector": (3, 1),  # a package of two, and the list
    "A processor": (3, 1),  # a package of two, and the list
    "A construct of the language": (4, 2),  # two, and their lists; rows in oracle and strategies
    "A function of a processor": (2, 1),  # of one package: the declaration with its list, and what carries it out
    "A decision": (3, 0),  # the card, which training writes, the list, and the attribution
    "A metric with an alert": (5, 0),  # the declaration, and where it is counted; the alert, its page and its proof
    "A setting": (1, 0),
    "A CLI verb": (2, 0),  # the command, and the list
    "A read-model column": (1, 0),
    "A field of a human task": (2, 0),  # its type in the record, and how it is shown
}
"""Files of the product and of tests."""

every_recipe = pytest.mark.parametrize("name", RECIPES)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what belongs to the project, with a history of its own."""
    copy = tmp_path_factory.mktemp("project")
    listed = _run(ROOT, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    _run(copy, "git", "init", "--quiet")
    _run(copy, "git", "add", "--all")
    _run(copy, "git", "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "--quiet", "-m", "Copy")
    return copy


@pytest.fixture
def copy(project: Path) -> Iterator[Path]:
    """The copy, which is as before when the test ends."""
    yield project
    _run(project, "git", "reset", "--quiet", "--hard")
    _run(project, "git", "clean", "--quiet", "-d", "--force")


@every_recipe
def test_recipe_does_what_it_says(name: str, copy: Path) -> None:
    RECIPES[name].apply(copy)
    sources = [path for path in RECIPES[name].paths if path.endswith(".py")]
    if sources:
        _run(copy, sys.executable, "-m", "ruff", "check", "--quiet", *sources)
        _run(copy, sys.executable, "-m", "ruff", "format", "--check", "--quiet", *sources)
    _run(copy, sys.executable, "-m", "tests.recipes.proofs", name)


@every_recipe
def test_files_by_hand_are_as_few_as_said(name: str) -> None:
    assert RECIPES[name].by_hand == RECIPES[name].said == BY_HAND[name]


def test_every_recipe_has_a_proof() -> None:
    assert [*RECIPES] == [*BY_HAND] == [*PROOFS]


def test_place_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\nx = 2\n")
    for where, anchor in (("after", "y ="), ("before", "x =")):
        with pytest.raises(PageError, match=r"a\.py: [02] lines begin with"):
            Change(path="a.py", where=where, anchor=anchor, text="z = 3\n").apply(tmp_path)


def test_block_without_a_place_is_told() -> None:
    with pytest.raises(PageError, match="no place"):
        page.recipes("## Recipes\n\n### One\n\nBy hand: 1 file.\n\nSomewhere:\n\n```python\nx = 1\n```\n")


def _run(folder: Path, *command: str) -> str:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("EXLIFY_", "GIT_", "PYTEST_"))}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=300,  # a bound on hanging
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout
