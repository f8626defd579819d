"""A step that is not wanted any more while its call begins or ends: whoever asks is told, whatever is being written."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from connectors.assembly import standard_hub
from schemas.codec import Codec
from schemas.messages import STEP_RESULT
from schemas.steps import key_of
from streams.processors import call
from streams.processors.call.processor import Call
from streams.processors.orchestrate import INBOX
from streams.runtime.clock import now_ms
from streams.runtime.once import StepRow
from streams.runtime.processor import Effects, Message, Record, Row
from streams.runtime.reader import Partition
from streams.runtime.writer import Written
from tests.support import peers
from tests.support.calls import INSTANCE, Bench, cancel, command, key
from tests.support.contexts import context
from tests.support.data import payload
from tests.support.hubs import CALM
from tests.support.lanes import Kept, running, slow_lane, until

COMMANDS = Partition(call.DECLARATION.commands.name, 0)


class Held(Kept):
    """Writes rows once it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = asyncio.Event()
        self.rows.set()
        self.held = 0

    async def append(
        self, topic: str, partition: int, changes: Sequence[tuple[bytes, bytes | None]], header: tuple[str, bytes]
    ) -> list[Written]:
        self.held += 1
        await self.rows.wait()
        return await super().append(topic, partition, changes, header)


def records(codec: Codec, *messages: Message) -> list[Record]:
    values = [codec.encode(each.name, each.data) for each in messages]
    return [
        Record(COMMANDS.topic, 0, offset, now_ms(), INSTANCE.encode(), value) for offset, value in enumerate(values)
    ]


@pytest.mark.parametrize("order", ["cancel first", "command first", "while it is asked", "while its end is written"])
@pytest.mark.parametrize("followed", [False, True], ids=["nobody follows", "others follow"])
async def test_whoever_asks_is_told(order: str, followed: bool, tmp_path: Path) -> None:
    codec, outside = Codec.offline(), Held()
    processor = Call(context(codec), standard_hub({}, limits=CALM))
    await processor.open()
    lane = await slow_lane(processor, outside, tmp_path)  # type: ignore[arg-type]
    answers = asyncio.Event()

    async def refuses(writer: asyncio.StreamWriter) -> None:
        await answers.wait()
        await peers.status(503)(writer)

    async with peers.peer(refuses, peers.status(503)) as peer, running(lane):
        step, wish = command(peer.url, effect="keyed"), cancel()
        step.data["followed"] = followed
        wish.data["answer"] = True
        both = records(codec, wish, step) if order == "cancel first" else records(codec, step, wish)
        if order in ("cancel first", "command first"):
            outside.rows.clear()
            answers.set()
            lane.deliver(COMMANDS, both)
            await until(lambda: outside.held > 1)
            outside.rows.set()
        else:
            lane.deliver(COMMANDS, both[:1])
            await peer.asked.wait()
            outside.rows.clear()
            if order == "while its end is written":
                before = outside.held
                answers.set()
                await until(lambda: outside.held > before)
            lane.deliver(COMMANDS, both[1:])
            await asyncio.sleep(0.05)
            answers.set()
            await asyncio.sleep(0.05)
            outside.rows.set()
        await until(lambda: lane.committable() == {COMMANDS: 2})
    await processor.close()
    told = [codec.decode(each.value or b"") for each in outside.outputs if each.topic is INBOX]
    assert told and {name for name, _ in told} == {STEP_RESULT}


@pytest.mark.parametrize(("answer", "requests"), [(200, 1), (404, 1), (500, 1)], ids=["done", "not done", "who knows"])
async def test_whoever_asks_while_it_is_found_out_what_was_done_is_told(answer: int, requests: int) -> None:
    processor = Call(context(codec := Codec.offline()), standard_hub({}, limits=CALM))
    await processor.open()
    bench, found_out = Bench(processor, codec), asyncio.Event()

    async def tells(writer: asyncio.StreamWriter) -> None:
        await found_out.wait()
        await peers.status(answer, body=b"{}")(writer)

    async with peers.peer(tells, peers.status(500)) as peer:
        step, wish = command(peer.url, effect="probed"), cancel()
        step.data["probe"] = payload({"function": "http", "arguments": {"method": "GET", "endpoint": peer.url}})
        wish.data["answer"] = True
        intent = StepRow(key(), sent=True)
        bench.table.apply(Effects([], {key_of(step.data): Row(msgspec.msgpack.encode(intent))}))
        asked = asyncio.create_task(bench.handle(step))
        await peer.asked.wait()
        assert (await bench.handle(wish)).outputs == []
        found_out.set()
        told = (await asked).outputs
        assert peer.count == requests
    await processor.close()
    assert [each.topic for each in told] == [INBOX]
