"""Steps in processes of their own: whatever becomes of the process, the step has an answer and the next one runs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.reasons import Effect, Reason
from streams.steps.attempt import Attempts
from streams.steps.context import Context
from streams.steps.declared import Step
from streams.steps.loading import load_steps
from streams.steps.outcome import Outcome

STEPS = """
import os
import sys
import time
from typing import Any

from streams.steps import Context, Refused, step


@step("apart.does", effect="read", run="process", timeout=20, memory_mb=512)
def does(what: str, told: Context) -> Any:
    print("on standard output")
    match what:
        case "tells":
            told.count("parcels", 3)
            return [os.getpid(), told.key, told.attempt]
        case "refuses":
            raise Refused("no")
        case "dies":
            os._exit(3)
        case "crashes":
            os.abort()
        case "exits":
            sys.exit(4)
        case "hogs":
            return len(bytearray(8 * 2**30))
        case "waits":
            while not told.cancelled:
                told.progress()
                time.sleep(0.01)
            return "stopped"


@step("apart.hangs", run="process", timeout=0.5)
def hangs() -> None:
    while True:
        pass
"""


@pytest.fixture
def steps(tmp_path: Path) -> dict[str, Step[..., Any]]:
    (tmp_path / "apart.py").write_text(STEPS)
    return {each.name: each for each in load_steps([tmp_path / "apart.py"])}


@pytest.fixture
def attempts(steps: dict[str, Step[..., Any]]) -> Iterator[Attempts]:
    made = Attempts(steps["apart.does"])
    yield made
    made.close()


async def one(attempts: Attempts, what: str, context: Context | None = None) -> Outcome:
    told = context or Context(function="apart.does", key="k", attempt=2)
    return await attempts.one({"what": what}, told, attempts.step.effect)


def given_by(outcome: Outcome) -> Any:
    assert outcome.output is not None, outcome.detail
    return outcome.output.value()


async def test_step_runs_in_another_process_which_is_used_again(attempts: Attempts) -> None:
    counted: list[tuple[str, float]] = []
    context = Context(function="apart.does", key="k", attempt=2, count=lambda *each: counted.append(each))
    pid, key, attempt = given_by(await one(attempts, "tells", context))
    assert (key, attempt, counted) == ("k", 2, [("parcels", 3)])
    assert pid != os.getpid()
    assert given_by(await one(attempts, "tells"))[0] == pid


@pytest.mark.parametrize(
    ("what", "reason", "detail"),
    [
        ("refuses", Reason.BUSINESS_REJECTED, "apart.does: no"),
        ("dies", Reason.STEP_FAILED, "apart.does: its process ended with exit code 3"),
        ("crashes", Reason.STEP_FAILED, "apart.does: its process ended by signal 6"),
        ("exits", Reason.STEP_FAILED, "apart.does: SystemExit: 4"),
        ("hogs", Reason.STEP_FAILED, "apart.does: MemoryError"),
    ],
)
async def test_whatever_a_step_does_to_its_process_the_next_one_runs(
    attempts: Attempts, what: str, reason: Reason, detail: str
) -> None:
    failed = await one(attempts, what)
    assert (failed.reason, failed.effect, failed.detail) == (reason, Effect.NONE, detail)
    assert given_by(await one(attempts, "tells"))[1] == "k"


async def test_step_can_be_taken_back(attempts: Attempts) -> None:
    context = Context(function="apart.does", key="k")
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def note() -> None:
        loop.call_soon_threadsafe(begun.set)

    context.on_sign = note
    found = asyncio.create_task(one(attempts, "waits", context))
    await begun.wait()
    context.cancel()
    assert given_by(await found) == "stopped"


async def test_step_that_hangs_is_killed(steps: dict[str, Step[..., Any]]) -> None:
    attempts = Attempts(steps["apart.hangs"])
    failed = await attempts.one({}, Context(function="apart.hangs", key="k"), attempts.step.effect)
    assert (failed.reason, failed.effect) == (Reason.OUTCOME_UNKNOWN, Effect.UNKNOWN)
    while attempts.lost:
        await asyncio.sleep(0.01)
    attempts.close()
