"""Every workflow that is delivered can be deployed as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

import streams.workflows
from tests.support.definitions import check, load

FILES = sorted(Path(next(iter(streams.workflows.__path__))).glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_delivered_workflow_has_no_faults(file: Path) -> None:
    assert check(file.read_text(encoding="utf-8"), file.name) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_file_is_called_like_its_workflow(file: Path) -> None:
    assert load(file.read_text(encoding="utf-8")).name == file.stem
