"""Marketing response end to end in this process: the committed model, and people who call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import streams.workflows
from models.serving.registry import Registry
from streams.ground.settings import Settings
from streams.local import run_locally
from streams.processors import ALL
from streams.processors.human.local import Answer, Answers
from tests.support.definitions import load

TEXT = (Path(next(iter(streams.workflows.__path__))) / "marketing-response.yaml").read_text(encoding="utf-8")
USUAL = dict(Registry().get("marketing-response").card.reference.values)
LATER = {"month": "mar", "contact": "cellular", "last_outcome": "success", "days_since": 3, "calls_before": 1}


async def decided(case: dict[str, Any], answer: str | None = None) -> tuple[dict[str, Any], bool]:
    """The outcome, and whether somebody called."""
    answers: Answers = {"callClient": [Answer(answer)]} if answer else {}
    report = await run_locally(load(TEXT), {"call_id": "C-1", "case": case}, answers, Settings(), ALL)
    assert report.status == "completed", report
    output: Any = report.output
    return output, any(task.endswith("/callClient") for task in report.tasks)


async def test_nobody_calls_whom_the_model_gives_no_chance() -> None:
    output, called = await decided(USUAL)
    assert (output["called"], output["sold"], called) == (False, False, False)


@pytest.mark.parametrize(("answer", "sold"), [("sold", True), ("skip", False)])
async def test_what_the_model_cannot_read_is_for_people(answer: str, sold: bool) -> None:
    output, called = await decided({**USUAL, "job": "astronaut"}, answer)
    assert (output["called"], output["sold"], called) == (True, sold, True)


async def test_figure_that_cannot_be_is_for_people() -> None:
    assert (await decided({**USUAL, "euribor": 99.0}, "skip"))[1]


async def test_economy_that_has_moved_keeps_nobody_from_deciding_that_is_what_watching_is_for() -> None:
    verdict = Registry().get("marketing-response").decide({**USUAL, **LATER, "euribor": 0.7, "employed": 4_991.6})
    assert verdict.held == () and verdict.score is not None
