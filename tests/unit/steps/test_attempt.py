"""Whatever a function of a user does, its step gets an answer, and others are not held up."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from schemas.reasons import Effect, Reason
from streams.steps import Context, InDoubt, Refused, Retryable, StepFailed, run_step, step
from streams.steps.attempt import Attempts
from streams.steps.declared import Step
from streams.steps.outcome import Outcome
from tests.support.waiting import PATIENCE_S

RELEASE = threading.Event()


@pytest.fixture(autouse=True)
def _released() -> Iterator[None]:
    RELEASE.clear()
    yield
    RELEASE.set()


@step("tests.add", effect="read")
def add(a: int, b: int = 1) -> int:
    return a + b


@step("tests.later", effect="read")
async def later(a: int) -> int:
    await asyncio.sleep(0)
    return a


@step("tests.hangs", timeout=0.1)
def hangs() -> None:
    RELEASE.wait()


@step("tests.spins", timeout=0.1, effect="read")
def spins() -> None:
    while not RELEASE.is_set():
        pass


@step("tests.waits", timeout=0.1, effect="read")
async def waits(for_ever: bool) -> str:
    if not for_ever:
        return "well"
    await asyncio.Event().wait()
    return "never"


@step("tests.blocks", timeout=0.1, effect="read")
async def blocks(for_ever: bool) -> str:
    if for_ever:
        RELEASE.wait()
    return "well"


def raising(error: BaseException, **declared: Any) -> Step[..., Any]:
    @step("tests.raises", **declared)
    def raises() -> None:
        secret = "4711"  # noqa: F841  # a local, which nobody may see
        raise error

    return raises


def failure(step: Step[..., Any], given: Any = None) -> StepFailed:
    with pytest.raises(StepFailed) as failed:
        run_step(step, {} if given is None else given)
    return failed.value


@pytest.mark.parametrize("function", [add, later])
def test_step_gives_its_result(function: Step[..., Any]) -> None:
    assert run_step(function, {"a": 1}) == (2 if function is add else 1)


def test_step_is_still_the_function_that_it_was() -> None:
    assert add(2, b=3) == 5


@pytest.mark.parametrize(
    ("error", "reason", "effect"),
    [
        (Refused("no"), Reason.BUSINESS_REJECTED, Effect.NONE),
        (Retryable("later"), Reason.REMOTE_FAULT, Effect.NONE),
        (Retryable("later", after=60), Reason.RATE_LIMITED, Effect.NONE),
        (InDoubt("who knows"), Reason.OUTCOME_UNKNOWN, Effect.UNKNOWN),
        (KeyError("no"), Reason.STEP_FAILED, Effect.UNKNOWN),
        (SystemExit(3), Reason.STEP_FAILED, Effect.UNKNOWN),
        (KeyboardInterrupt(), Reason.STEP_FAILED, Effect.UNKNOWN),
        (asyncio.CancelledError(), Reason.STEP_FAILED, Effect.UNKNOWN),
    ],
)
def test_what_a_step_raises_says_how_it_ended(error: BaseException, reason: Reason, effect: Effect) -> None:
    failed = failure(raising(error))
    assert (failed.reason, failed.effect) == (reason, effect)
    assert "4711" not in failed.detail


def test_error_is_told_by_type_and_text() -> None:
    assert failure(raising(ValueError("no such parcel"))).detail == "tests.raises: ValueError: no such parcel"


def test_error_that_cannot_be_shown_is_told_by_its_type() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert failure(raising(Mute())).detail == "tests.raises: Mute"


def test_failure_of_a_reading_step_has_no_effect() -> None:
    assert failure(raising(ValueError(), effect="read")).effect is Effect.NONE


def test_async_step_that_ends_the_program_ends_nothing() -> None:
    @step("tests.exits")
    async def exits() -> None:
        sys.exit(1)

    assert failure(exits).reason is Reason.STEP_FAILED


def test_wrong_arguments_do_not_reach_the_function() -> None:
    failed = failure(add, {"a": "secret"})
    assert (failed.reason, failed.effect) == (Reason.INPUT_INVALID, Effect.NONE)
    assert "secret" not in failed.detail


def test_result_of_another_type_is_no_result() -> None:
    @step("tests.lies")
    def lies() -> int:
        return "four"  # type: ignore[return-value]

    failed = failure(lies)
    assert (failed.reason, failed.effect) == (Reason.CONTRACT_DRIFT, Effect.DONE)


@pytest.mark.parametrize(
    ("function", "given", "reason"),
    [
        (hangs, {}, Reason.OUTCOME_UNKNOWN),
        (spins, {}, Reason.TIMED_OUT),
        (waits, {"for_ever": True}, Reason.TIMED_OUT),
        (blocks, {"for_ever": True}, Reason.TIMED_OUT),
    ],
)
def test_step_that_does_not_end_is_given_up(function: Step[..., Any], given: Any, reason: Reason) -> None:
    failed = failure(function, given)
    assert failed.reason is reason
    assert "given up" in failed.detail


async def test_loop_that_ends_nowhere_is_ended() -> None:
    attempts = Attempts(spins)
    await one(attempts, {})
    while attempts.lost:  # it gets an exception as soon as it runs Python again
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("function", [waits, blocks])
async def test_step_that_hangs_holds_up_no_later_one(function: Step[..., Any]) -> None:
    attempts = Attempts(function)
    await one(attempts, {"for_ever": True})
    assert given_by(await one(attempts, {"for_ever": False})) == "well"


async def test_two_hundred_steps_are_under_way_at_once() -> None:
    together = threading.Barrier(200)

    @step("tests.meets", effect="read")
    def meets() -> int:
        return together.wait(PATIENCE_S)

    attempts = Attempts(meets)
    found = await asyncio.gather(*(one(attempts, {}) for _ in range(200)))
    assert sorted(given_by(each) for each in found) == list(range(200))


async def test_threads_are_used_again() -> None:
    attempts = Attempts(add)
    before = threading.active_count()
    for _ in range(50):
        await one(attempts, {"a": 1})
    assert threading.active_count() <= before + 1


async def test_progress_is_a_sign_of_life() -> None:
    @step("tests.slow", timeout=0.01, effect="read")
    def slow(told: Context) -> str:
        time.sleep(0.1)
        told.progress()
        return "well"

    context = Context(function="tests.slow", key="k")
    context.alive_at += 1_000  # as if it had just said something, for as long as this test may take
    assert given_by(await Attempts(slow).one({}, context, slow.effect)) == "well"
    assert context.alive_at <= time.monotonic()


async def test_step_whose_deadline_has_passed_is_not_begun() -> None:
    context = Context(function="tests.add", key="k", deadline_ms=1)
    found = await Attempts(add).one({"a": 1}, context, add.effect)
    assert (found.reason, found.effect) == (Reason.TIMED_OUT, Effect.NONE)


async def test_step_is_given_up_at_its_deadline() -> None:
    @step("tests.long", effect="read")
    def long() -> None:
        RELEASE.wait()

    context = Context(function="tests.long", key="k", deadline_ms=time.time_ns() // 1_000_000 + 100)
    found = await Attempts(long).one({}, context, long.effect)
    assert found.reason is Reason.TIMED_OUT
    assert "deadline" in found.detail


async def test_step_that_is_not_wanted_any_more_can_see_it() -> None:
    @step("tests.looks", effect="read")
    def looks(told: Context) -> str:
        while not told.cancelled:
            time.sleep(0.01)
        return "stopped"

    context = Context(function="tests.looks", key="k")
    found = asyncio.create_task(Attempts(looks).one({}, context, looks.effect))
    await asyncio.sleep(0)
    context.cancel()
    assert given_by(await found) == "stopped"


def given_by(outcome: Outcome) -> Any:
    assert outcome.output is not None, outcome.detail
    return outcome.output.value()


async def one(attempts: Attempts, given: Any) -> Outcome:
    return await attempts.one(given, Context(function=attempts.step.name, key="k"), attempts.step.effect)
