"""Nothing of a developer's machine gets into the project: no index addresses, no home folders."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-train.lock", "requirements-peers.lock")


@pytest.mark.parametrize("name", LOCKS)
def test_locks_hash_everything_and_name_no_index(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text and "--index" not in text and "--find-links" not in text
    pinned = re.findall(r"^[\w.-]+(?:\[[\w,-]+\])?==.*$", text, flags=re.MULTILINE)
    assert pinned and all(line.endswith("\\") for line in pinned)


def test_both_locks_agree_on_every_version() -> None:
    runtime, development = (_versions(ROOT / name) for name in LOCKS[:2])
    assert runtime.items() <= development.items()


def test_tracked_files_hold_no_home_folders() -> None:
    command = ["git", "grep", "-nE", r"/(home|Users)/[a-z]+|/root/", "--", ".", ":!*.lock", ":!tests/guard"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.stdout == ""


def _versions(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+(?:\[[\w,-]+\])?)==(\S+)", lock.read_text(), flags=re.MULTILINE))
