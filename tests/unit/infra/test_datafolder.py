"""The data folder: one system at a time, and nothing is deleted that Exlify did not make."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.datafolder import DataFolder
from infra.local.errors import LocalError

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
    with pytest.raises(LocalError, match=r"data: File exists\."), DataFolder(tmp_path / "data").occupied():
        pass
