"""Station 4, call: steps whose system is not to be called now wait in their row, and nothing else waits with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from connectors.assembly import standard_hub
from connectors.hub.limits import ConnectionLimits
from schemas.codec import Codec
from schemas.messages import CANCEL_STEP, DEAD_LETTER, STEP_RESULT
from schemas.steps import key_of
from streams.processors import call
from streams.processors.call.processor import Call
from streams.processors.orchestrate import INBOX
from streams.runtime.once import KEPT_MS, LARGEST_THAT_WAITS, StepRow
from streams.runtime.processor import Effects, Message, Record
from tests.support import peers
from tests.support.calls import INSTANCE, NOW_MS, POINTER, Bench, cancel, command, message
from tests.support.contexts import context
from tests.support.data import payload
from tests.support.hubs import CALM, QUICK

QUIET = peers.status(200, "RateLimit-Remaining: 0", "RateLimit-Reset: 30")


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    codec = Codec.offline()
    patient = ConnectionLimits(patience_s=600)
    processor = Call(context(codec), standard_hub({}, limits=CALM, limits_of=lambda _: patient))
    await processor.open()
    yield Bench(processor, codec)
    await processor.close()


def as_read(bench: Bench, made: Message, at_ms: int = NOW_MS) -> Message:
    """The command as the lane has it: with its bytes."""
    value = bench.codec.encode(made.name, made.data)
    return Message(Record(call.DECLARATION.commands.name, 0, 0, at_ms, INSTANCE.encode(), value), made.name, made.data)


def a_step(bench: Bench, url: str, number: int = 0) -> Message:
    made = command(url, effect="keyed")
    return as_read(bench, Message(made.record, made.name, {**made.data, "iteration": number}))


def row_of(bench: Bench, message: Message) -> StepRow:
    row = bench.table.get(key_of(message.data))
    assert row is not None
    return msgspec.msgpack.decode(row.value, type=StepRow)


def fall_due(bench: Bench, message: Message) -> Effects:
    """The row's time has come."""
    key = key_of(message.data)
    row = bench.table.get(key)
    assert row is not None
    effects = bench.processor.on_due(key, row, row.due_ms)
    bench.table.apply(effects)
    return effects


async def test_step_waits_in_its_row_and_is_commanded_again(bench: Bench) -> None:
    async with peers.peer(QUIET, peers.answers(peers.OK)) as quiet, peers.peer(peers.answers(peers.OK)) as other:
        await bench.result(a_step(bench, quiet.url, 1))
        waiting = a_step(bench, quiet.url, 2)
        effects = await bench.handle(waiting)
        assert (effects.outputs, quiet.count) == ([], 1)
        assert (await bench.result(a_step(bench, other.url, 3)))["status"] == "completed"
        (again,) = fall_due(bench, waiting).outputs
        assert (again.topic, again.key, again.value) == (
            call.DECLARATION.commands, INSTANCE.encode(), waiting.record.value,
        )  # fmt: skip
        assert quiet.count == 1


async def test_step_that_comes_again_is_carried_out_once_it_may_be(bench: Bench) -> None:
    async with peers.peer(QUIET, peers.answers(peers.OK)) as peer:
        await bench.result(a_step(bench, peer.url, 1))
        waiting = a_step(bench, peer.url, 2)
        for times in (1, 2, 3):
            assert (await bench.handle(waiting)).outputs == []
            waits = row_of(bench, waiting).waits
            assert waits is not None and (waits.times, waits.since_ms) == (times, NOW_MS)
            fall_due(bench, waiting)
        for lane in bench.processor._hub._lanes._lanes.values():
            lane.rate._quiet_until = 0
        result = await bench.result(waiting)
        assert (result["status"], result["taken_ms"], peer.count) == ("completed", None, 2)
        assert peer.header("Idempotency-Key") == row_of(bench, waiting).key


async def test_step_that_is_withdrawn_while_it_waits_is_never_carried_out(bench: Bench) -> None:
    async with peers.peer(QUIET, peers.answers(peers.OK)) as peer:
        await bench.result(a_step(bench, peer.url, 1))
        waiting = as_read(bench, command(peer.url, effect="keyed"))
        await bench.handle(waiting)
        await bench.handle(as_read(bench, cancel()))
        assert row_of(bench, waiting).withdrawn
        assert fall_due(bench, waiting).outputs == []
        assert bench.table.get(key_of(waiting.data)) is None
        await bench.handle(as_read(bench, cancel()))
        assert (await bench.handle(waiting)).outputs == []
        assert peer.count == 1


async def test_step_that_is_withdrawn_while_it_waits_inside_does_not_wait_on_outside(bench: Bench) -> None:
    one = ConnectionLimits(concurrency=1)
    bench.processor = Call(context(bench.codec), standard_hub({}, limits=QUICK, limits_of=lambda _: one))
    await bench.processor.open()
    async with peers.peer(peers.never_answers) as peer:
        before = asyncio.create_task(bench.handle(a_step(bench, peer.url, 1)))
        await peer.asked.wait()
        waiting = as_read(bench, command(peer.url, effect="keyed"))
        waits = asyncio.create_task(bench.handle(waiting))
        await asyncio.sleep(0)
        assert (
            await bench.handle(as_read(bench, message(CANCEL_STEP, {**cancel().data, "answer": True})))
        ).outputs == []
        told = bench.answered((await waits).outputs, INBOX, STEP_RESULT)
        assert (told["error"]["reason"], told["error"]["effect"], peer.count) == ("WITHDRAWN", "none", 1)
        row = row_of(bench, waiting)
        assert row.withdrawn and row.waits is None
        await before
    await bench.processor.close()


async def test_row_is_forgotten_like_any_other_if_nothing_comes_of_it(bench: Bench) -> None:
    async with peers.peer(QUIET) as peer:
        await bench.result(a_step(bench, peer.url, 1))
        waiting = a_step(bench, peer.url, 2)
        await bench.handle(waiting)
        due_ms = bench.table.get(key_of(waiting.data)).due_ms  # type: ignore[union-attr]
        fall_due(bench, waiting)
        assert bench.table.get(key_of(waiting.data)).due_ms == due_ms + KEPT_MS  # type: ignore[union-attr]
        assert fall_due(bench, waiting) == Effects([], {key_of(waiting.data): None})


async def test_command_too_large_for_a_row_is_answered_instead(bench: Bench) -> None:
    async with peers.peer(QUIET) as peer:
        await bench.result(a_step(bench, peer.url, 1))
        large = command(peer.url, effect="keyed")
        large.data["arguments"] = payload({"method": "POST", "endpoint": peer.url, "body": "x" * LARGEST_THAT_WAITS})
        (answer,) = (await bench.handle(as_read(bench, large))).outputs
        name, data = bench.codec.decode(answer.value or b"")
        assert (name, data["error"]["reason"], data["pointer"]) == (DEAD_LETTER, "RATE_LIMITED", POINTER)
        assert peer.count == 1
