"""What is rendered from code says what the code says."""

from __future__ import annotations

from pathlib import Path

from infra import render


def test_reference_pages_are_up_to_date() -> None:
    assert not render.stale(), "run `make render`"


def test_a_missing_page_is_out_of_date(tmp_path: Path) -> None:
    assert render.stale(tmp_path) == [tmp_path / name for name in render.PAGES]
