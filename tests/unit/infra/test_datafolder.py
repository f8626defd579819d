"""The data folder: one system at a time, and nothing is deleted that Exlify did not make."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.datafolder import DataFolder
from infra.local.errors import LocalError
from tests.support.waiting import PATIENCE_S

HOLD = """
import sys
from pathlib import Path
from infra.local.datafolder import DataFolder
with DataFolder(Path(sys.argv[1])).occupied():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_second_system_in_a_folder_is_refused(tmp_path: Path) -> None:
    with (
        DataFolder(tmp_path / "data").occupied(),
        pytest.raises(LocalError, match=rf"runs in this folder already \(process {os.getpid()}\)\. Stop it with"),
        DataFolder(tmp_path / "data").occupied(),
    ):
        pass


def test_holder_is_known_until_it_ends(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    with folder.occupied():
        assert folder.holder == os.getpid()
    assert folder.holder is None


def test_killed_holder_leaves_the_folder_free(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None and other.stdout.readline() == "held\n"
    assert folder.holder == other.pid
    other.kill()
    other.wait()
    assert DataFolder(folder.path).holder is None
    with folder.occupied():
        assert folder.holder == os.getpid()


def test_fresh_start_empties_its_own_folder(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    with folder.occupied():
        (folder.path / "kafka").mkdir()
        (folder.path / "kafka" / "log").touch()
        (folder.path / "view.sqlite").touch()
    with folder.occupied(fresh=True):
        assert not (folder.path / "kafka").exists()
        assert not (folder.path / "view.sqlite").exists()
    with folder.occupied(fresh=True):
        pass


def test_fresh_start_spares_a_foreign_folder(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with (
        pytest.raises(LocalError, match="not emptied, because Exlify did not make it"),
        DataFolder(tmp_path).occupied(fresh=True),
    ):
        pass
    assert (tmp_path / "thesis.txt").exists()


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").touch()
    folder = DataFolder(tmp_path / "data")
    with folder.occupied():
        (folder.path / "link").symlink_to(tmp_path / "outside")
    with folder.occupied(fresh=True):
        assert not (folder.path / "link").exists()
    assert (tmp_path / "outside" / "file").exists()


def test_addresses_are_gone_after_the_system(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    endpoints = folder.path / "endpoints.json"
    with folder.occupied():
        folder.publish({"kafka": "127.0.0.1:1"})
        folder.publish({"gateway": "http://127.0.0.1:2"})
        assert json.loads(endpoints.read_text()) == {"kafka": "127.0.0.1:1", "gateway": "http://127.0.0.1:2"}
    assert not endpoints.exists()


def test_addresses_of_a_killed_system_are_forgotten(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    with folder.occupied():
        pass
    (folder.path / "endpoints.json").write_text('{"kafka": "127.0.0.1:1"}')
    with folder.occupied():
        assert not (folder.path / "endpoints.json").exists()


def test_folder_in_a_files_place_is_explained(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with (
        pytest.raises(LocalError, match=r"data: a file stands .* Set EXLIFY_DATA_DIR to a folder\."),
        DataFolder(tmp_path / "data").occupied(),
    ):
        pass


def test_lock_that_somebody_else_holds_ends_no_innocent(tmp_path: Path) -> None:
    """A process of another program holds the lock, and the file names a process that has nothing to do with it."""
    folder = DataFolder(tmp_path / "data")
    folder.path.mkdir()
    innocent = subprocess.Popen(["sleep", "600"])
    try:
        for content in (str(innocent.pid), "abc", "9" * 20, "-1", "1", "0", f"{innocent.pid} ", str(2**31), ""):
            (folder.path / "supervisor.lock").write_text(content)
            with (
                (folder.path / "supervisor.lock").open() as file,
                pytest.raises(LocalError, match=r"held by a program that is no Exlify of this user\. End it yourself"),
            ):
                fcntl.flock(file, fcntl.LOCK_EX)
                folder.end_holder(0.1)
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


@pytest.mark.parametrize("content", ["abc", "9" * 20, "-1", ""])
def test_leavings_of_a_lock_mean_nothing(content: str, tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.path.mkdir()
    (folder.path / "supervisor.lock").write_text(content)
    assert (folder.holder, folder.end_holder(0.1)) == (None, None)
    with folder.occupied():
        assert folder.holder == os.getpid()


@pytest.mark.parametrize("ignores", ["", "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"])
def test_system_of_the_folder_is_ended(ignores: str, tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    system = subprocess.Popen(
        [sys.executable, "-c", ignores + HOLD, str(folder.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert system.stdout is not None and system.stdout.readline() == "held\n"
    assert folder.end_holder(0.5 if ignores else PATIENCE_S) == system.pid
    assert system.wait(PATIENCE_S) == (-signal.SIGKILL if ignores else -signal.SIGTERM)
    assert folder.holder is None


def test_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.path.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 54_321)
    if folder.path.stat().st_uid == 0:
        os.chown(folder.path, 12_345, -1)
    with pytest.raises(LocalError, match=r"belongs to another user\. Set EXLIFY_DATA_DIR"), folder.occupied():
        pass
    with pytest.raises(LocalError, match="belongs to another user"):
        folder.end_holder(0.1)


def test_nobody_else_enters_the_folder(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    said: list[str] = []
    with folder.occupied(tell=said.append):
        folder.publish({"kafka": "127.0.0.1:1"})
        assert said == []
        assert mode(folder.path) == 0o700
        assert mode(folder.path / "endpoints.json") == mode(folder.path / "supervisor.lock") == 0o600


def test_folder_that_others_could_read_is_closed_and_that_is_said_once(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    (folder.path / "state" / "x").mkdir(parents=True)
    (folder.path / "state" / "x" / "row").touch()
    (folder.path / "outside").symlink_to(tmp_path / "thesis.txt")
    (tmp_path / "thesis.txt").touch()
    for path, was in (
        (folder.path, 0o755),
        (folder.path / "state", 0o777),
        (folder.path / "state" / "x" / "row", 0o644),
    ):
        path.chmod(was)
    (tmp_path / "thesis.txt").chmod(0o644)
    said: list[str] = []
    for _ in range(2):
        with folder.occupied(tell=said.append):
            assert mode(folder.path) == mode(folder.path / "state") == 0o700
            assert mode(folder.path / "state" / "x" / "row") == 0o600
    assert len(said) == 1 and str(folder.path) in said[0]
    assert mode(tmp_path / "thesis.txt") == 0o644


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777
