"""Own steps on the runtime in memory: as a worker carries them out, their answers on the inbox."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from schemas.codec import Codec
from schemas.ids import step_id
from schemas.messages import CANCEL_STEP, STEP_COMMAND, STEP_RETRYING, TIMER_FIRED
from schemas.reasons import Effect, Reason
from schemas.recovery import Policy, encode
from schemas.steps import address
from streams.ground.errors import UnavailableError
from streams.ground.settings import Settings
from streams.ground.topic import own_step_topic
from streams.processors import own
from streams.processors.orchestrate import INBOX
from streams.processors.own import pure
from streams.processors.recover.processor import Recover
from streams.runtime.clock import now_ms
from streams.runtime.memory import MemoryRuntime
from streams.runtime.parking import PARKING
from streams.runtime.processor import Output
from streams.steps import Context, InDoubt, NotDone, Refused, Retries, Retryable, step
from streams.steps.declared import Step
from tests.support.contexts import context
from tests.support.data import payload
from tests.support.waiting import PATIENCE_S

CODEC = Codec.offline()
INSTANCE = "ab" * 16
AT_ONCE = encode(Policy(delay_ms=0))


@step("tests.double", effect="pure")
def double(n: int) -> int:
    if n == 13:
        raise SystemExit(13)
    return 2 * n


@step("tests.key", effect="keyed")
def key(told: Context) -> list[Any]:
    return [told.key, told.workflow, told.pointer, told.attempt]


def command(function: str, number: int, arguments: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "instance_id": INSTANCE, "pointer": f"/do/{number}/x", "iteration": 0, "attempt": 0, "function": function,
        "arguments": payload(arguments), "deadline_ms": None, "workflow": "w", "version": "1", "digest": "d",
        "effect": None, "business_key": None, "recovery": AT_ONCE, **more,
    }  # fmt: skip


async def results(
    function: Step[..., Any],
    commands: Sequence[Mapping[str, Any]],
    others: Sequence[tuple[str, Mapping[str, Any]]] = (),
    *,
    before: Sequence[tuple[str, Mapping[str, Any]]] = (),
    parked: list[Output] | None = None,
    retried: list[dict[str, Any]] | None = None,
) -> dict[str, dict[str, Any]]:
    """The results of commands by pointer; `others` are published behind them, `before` before."""
    processor = own.made(own.declared(function), context(steps=(function,)))
    runtime = MemoryRuntime([processor, Recover(context(CODEC))], Settings(), CODEC)
    found: dict[str, dict[str, Any]] = {}
    complete = asyncio.Event()

    def note(output: Output) -> None:
        name, data = CODEC.decode(output.value or b"")
        if name == STEP_RETRYING:
            if retried is not None:
                retried.append(data)
            return
        found[data["pointer"]] = data
        if len(found) == len(commands):
            complete.set()

    runtime.watch(INBOX.name, note)
    runtime.watch(PARKING.name, ([] if parked is None else parked).append)
    topic = own_step_topic(function.name)
    async with asyncio.timeout(PATIENCE_S), runtime.running() as failed:
        messages = [*before, *((STEP_COMMAND, each) for each in commands), *others]
        runtime.publish([Output(topic, INSTANCE.encode(), CODEC.encode(name, data)) for name, data in messages])
        done = asyncio.create_task(complete.wait())
        either: list[asyncio.Future[Any]] = [done, failed]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if failed.done():
            failed.result()
    return found


async def test_pure_steps_go_through_in_batches_and_each_has_its_own_answer() -> None:
    found = await results(double, [command("tests.double", n, {"n": n}) for n in range(50)])
    outputs = {pointer: result["output"] and result["output"].value() for pointer, result in found.items()}
    assert outputs == {f"/do/{n}/x": None if n == 13 else 2 * n for n in range(50)}
    assert found["/do/13/x"]["error"]["reason"] == Reason.STEP_FAILED
    assert found["/do/13/x"]["error"]["effect"] == Effect.NONE


async def test_pure_step_that_does_not_end_costs_its_batch_only_itself() -> None:
    release = threading.Event()

    @step("tests.sticks", effect="pure", timeout=0.2)
    def sticks(n: int) -> int:
        return n if n != 2 else int(release.wait())

    found = await results(sticks, [command("tests.sticks", n, {"n": n}) for n in range(5)])
    release.set()
    assert {pointer: result["status"] for pointer, result in found.items()} == {
        f"/do/{n}/x": "faulted" if n == 2 else "completed" for n in range(5)
    }
    assert found["/do/2/x"]["error"]["reason"] == Reason.TIMED_OUT


async def test_step_is_told_what_it_is() -> None:
    found = await results(key, [command("tests.key", 0, {})])
    assert found["/do/0/x"]["output"].value() == [step_id(INSTANCE, "/do/0/x", 0, 0), "w", "/do/0/x", 0]


@pytest.mark.parametrize("function", [double, key])
async def test_command_for_another_function_is_answered(function: Step[..., Any]) -> None:
    found = await results(function, [command("tests.other", 0, {})])
    assert found["/do/0/x"]["error"]["reason"] == Reason.UNSUPPORTED


async def test_step_that_may_be_tried_again_is() -> None:
    tried = []

    @step("tests.third")
    def third(told: Context) -> int:
        tried.append(told.attempt)
        if len(tried) < 3:
            raise Retryable("not yet", after=0)
        return len(tried)

    found = await results(third, [command("tests.third", 0, {})])
    assert found["/do/0/x"]["output"].value() == 3
    assert tried == [0, 1, 2]


async def test_wait_that_a_step_asks_for_is_obeyed() -> None:
    retried: list[dict[str, Any]] = []
    tried = []

    @step("tests.tired")
    def tired(told: Context) -> str:
        tried.append(told.attempt)
        if len(tried) == 1:
            raise Retryable("come back soon", after=0.3)
        raise Retryable("come back in an hour", after=3_600)

    asked = command("tests.tired", 0, {}, deadline_ms=now_ms() + 600_000)
    before_ms = now_ms()
    found = await results(tired, [asked], retried=retried)
    assert found["/do/0/x"]["error"]["reason"] == Reason.RATE_LIMITED
    assert tried == [0, 1]
    assert [each["due_ms"] >= before_ms + 300 for each in retried] == [True]


@pytest.mark.parametrize("after", [float("nan"), float("inf"), -1, "soon"])
async def test_wait_that_is_none_ends_no_worker(after: Any) -> None:
    @step("tests.odd")
    def odd() -> None:
        raise Retryable("later", after=after)

    found = await results(odd, [command("tests.odd", 0, {}, deadline_ms=now_ms() + 60_000)])
    assert found["/do/0/x"]["status"] == "faulted"


@pytest.mark.parametrize(("effect", "tries"), [("read", 3), ("keyed", 3), ("blind", 1), ("pure", 1)])
async def test_step_that_raises_is_tried_again_where_that_helps_and_does_no_harm(effect: Any, tries: int) -> None:
    tried = []

    @step("tests.breaks", effect=effect)
    def breaks() -> None:
        tried.append(1)
        raise ValueError("no")

    found = await results(breaks, [command("tests.breaks", 0, {})])
    assert found["/do/0/x"]["error"]["reason"] == Reason.STEP_FAILED
    assert len(tried) == tries


async def test_step_says_how_often_it_is_tried_again_where_no_definition_does() -> None:
    tried = []

    @step("tests.stubborn", effect="read", retries=Retries(4, delay=0.001))
    def stubborn() -> None:
        tried.append(1)
        raise Retryable("not yet")

    retried: list[dict[str, Any]] = []
    await results(stubborn, [command("tests.stubborn", 0, {}, recovery=None)], retried=retried)
    assert (len(tried), {each["policy_of"] for each in retried}) == (5, {"function tests.stubborn"})
    tried.clear()
    await results(stubborn, [command("tests.stubborn", 0, {})])
    assert len(tried) == 3


@pytest.mark.parametrize("known", ["done", "not done", "not told"])
async def test_own_step_in_doubt_is_asked_about(known: str) -> None:
    ledger: list[str] = []

    def booked(amount: int, told: Context) -> int:
        if known == "not told":
            raise OSError("the ledger is away")
        if known == "done" and told.key in ledger:
            return ledger.index(told.key)
        raise NotDone

    @step("tests.book", effect="probed", probe=booked)
    def book(amount: int, told: Context) -> int:
        ledger.append(told.key)
        if len(ledger) == 1:
            raise InDoubt("the line broke")
        return amount

    found = (await results(book, [command("tests.book", 0, {"amount": 5})]))["/do/0/x"]
    assert len(ledger) == (2 if known == "not done" else 1)
    if known == "not told":
        assert (found["error"]["reason"], found["error"]["effect"]) == (Reason.OUTCOME_UNKNOWN, Effect.UNKNOWN)
    else:
        assert found["output"].value() == (0 if known == "done" else 5)


async def test_step_that_is_taken_back_is_told_so() -> None:
    @step("tests.patient", effect="read")
    def patient(told: Context) -> str:
        while not told.cancelled:
            threading.Event().wait(0.01)
        return "stopped"

    asked = command("tests.patient", 0, {})
    found = await results(patient, [asked], [(CANCEL_STEP, {**address(asked), "reason": "cancelled"})])
    assert found["/do/0/x"]["output"].value() == "stopped"


async def test_slow_steps_hold_up_no_fast_ones() -> None:
    release = threading.Event()
    fast: list[int] = []

    @step("tests.either", effect="read", concurrency=300)
    def either(n: int) -> int:
        if n < 200:
            release.wait()
        else:
            fast.append(n)
            if len(fast) == 50:  # all of the fast ones are through while all of the slow ones are under way
                release.set()
        return n

    found = await results(either, [command("tests.either", n, {"n": n}) for n in range(250)])
    assert len(found) == 250


async def test_result_that_is_too_large_for_a_record_is_refused() -> None:
    @step("tests.large", effect="read")
    def large() -> str:
        return "x" * 1_000_000

    found = await results(large, [command("tests.large", 0, {})])
    assert found["/do/0/x"]["error"]["reason"] == Reason.REPLY_TOO_LARGE


async def test_refusal_of_a_step_reaches_the_workflow() -> None:
    @step("tests.refuses")
    def refuses() -> None:
        raise Refused("too heavy")

    found = await results(refuses, [command("tests.refuses", 0, {})])
    error = found["/do/0/x"]["error"]
    assert (error["reason"], error["effect"], error["detail"]) == (
        Reason.BUSINESS_REJECTED, Effect.NONE, "tests.refuses: too heavy",
    )  # fmt: skip


@pytest.mark.parametrize("effect", ["read", "pure"])
async def test_worker_whose_steps_all_hang_ends_and_says_why(effect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(pure, "MAX_LOST", 1)

    @step("tests.stuck", effect=effect, timeout=0.05, concurrency=1)
    def stuck() -> None:
        release.wait()

    with pytest.raises(UnavailableError, match=r"tests\.stuck: 1 steps hang and cannot be ended"):
        await results(stuck, [command("tests.stuck", n, {}) for n in range(3)])
    release.set()


@pytest.mark.parametrize("function", [double, key])
async def test_record_that_is_no_command_is_parked(function: Step[..., Any]) -> None:
    timer = (TIMER_FIRED, {"instance_id": INSTANCE, "due_ms": 1})
    parked: list[Output] = []
    arguments = {"n": 1} if function is double else {}
    await results(function, [command(function.name, 0, arguments)], before=[timer], parked=parked)
    assert [dict(each.headers)["parked.reason"] for each in parked] == [b"exlify.TimerFired is no command"]
