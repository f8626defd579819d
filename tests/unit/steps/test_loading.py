"""Steps are found in files and folders, and a file that cannot be used is told with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.ground.errors import UsageError
from streams.steps.loading import load_steps

STEP = """
from streams.steps import step

@step("{name}", effect="pure")
def made(a: int) -> int:
    return a
"""


def written(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text)
    return file


def test_file_gives_its_steps(tmp_path: Path) -> None:
    (found,) = load_steps([written(tmp_path, "one_file.py", STEP.format(name="tests.one"))])
    assert (found.name, found.line, found.pure) == ("tests.one", 4, True)


def test_folder_gives_those_of_all_files_but_the_helpers(tmp_path: Path) -> None:
    for name in ("first", "second", "_third"):
        written(tmp_path, f"{name}.py", STEP.format(name=f"tests.{name.strip('_')}"))
    assert [each.name for each in load_steps([tmp_path])] == ["tests.first", "tests.second"]


def test_file_may_import_what_lies_beside_it(tmp_path: Path) -> None:
    written(tmp_path, "beside_it.py", "PRICE = 3\n")
    text = "from beside_it import PRICE\n" + STEP.format(name="tests.imports")
    assert load_steps([written(tmp_path, "importing.py", text)])[0](4) == 4


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("x = 1\n", "no step in it"),
        ("\nimport nothing_of_this_name\n", r"broken\.py:2: ModuleNotFoundError"),
        ("def f(:\n", r"broken\.py:1: SyntaxError"),
        ("raise SystemExit(3)\n", r"broken\.py:1: SystemExit: 3"),
        ("from streams.steps import step\n@step('quote')\ndef f(): ...\n", r"broken\.py:2: quote: it is no name"),
    ],
)
def test_file_that_cannot_be_used_is_told_with_its_place(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        load_steps([written(tmp_path, "broken.py", text)])


def test_two_steps_of_one_name_are_told_with_both_places(tmp_path: Path) -> None:
    files = [written(tmp_path, f"same_{number}.py", STEP.format(name="tests.same")) for number in (1, 2)]
    with pytest.raises(UsageError, match=r"same_2\.py:4: tests\.same stands in .*same_1\.py:4, too"):
        load_steps(files)
