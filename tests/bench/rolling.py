"""What an event costs that is counted at a card and a terminal, both busy, from the command to the bytes of its result:
microseconds of this thread's processor time, all records on its way decoded and encoded, an event in a batch."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from models.rolling import fold
from schemas.codec import Codec
from schemas.messages import ROLLING_WORK, STEP_COMMAND
from streams.processors.orchestrate import INBOX
from streams.processors.rolling.processor import Rolling
from streams.runtime.processor import Message, Output, Record, Row
from tests.support.contexts import context
from tests.support.data import payload
from tests.support.tables import Table

BATCH, ROUNDS = 64, 40
NOW_MS = 20_000 * fold.DAY_MS


def measure() -> dict[str, float]:
    """Of an event at a terminal of its own, and of one at a terminal that all of a batch come to."""
    return {
        "rolling.track_us": min(_round(number, alone=True) for number in range(ROUNDS)),
        "rolling.track_one_terminal_us": min(_round(number, alone=False) for number in range(ROUNDS)),
    }


def _round(number: int, *, alone: bool) -> float:
    codec, table = Codec.offline(), Table()
    processor = Rolling(context(codec))
    asked = [_command(number * BATCH + n, f"t{n if alone else 0}") for n in range(BATCH)]
    busy = msgspec.msgpack.encode(_busy())
    for message in asked:
        for each in processor.handle([message], table).outputs:
            for key in codec.decode(each.value or b"")[1]["keys"]:
                table.rows[b"k/" + key.encode()] = Row(busy)
    spent, outputs = _timed(processor, asked, table)
    while work := [each for each in outputs if each.topic is not INBOX]:
        started = time.thread_time()
        messages = [_work(codec, each) for each in work]
        spent += time.thread_time() - started
        more, outputs = _timed(processor, messages, table)
        spent += more
    assert len(outputs) == BATCH
    return round(spent / BATCH * 1e6, 1)


def _timed(processor: Rolling, messages: list[Message], table: Table) -> tuple[float, list[Output]]:
    started = time.thread_time()
    effects = processor.handle(messages, table)
    spent = time.thread_time() - started
    table.apply(effects)
    return spent, effects.outputs


def _work(codec: Codec, output: Output) -> Message:
    name, data = codec.decode(output.value or b"")
    assert name == ROLLING_WORK
    return Message(Record("bench", 0, 0, NOW_MS, output.key, output.value), name, data)


def _command(number: int, terminal: str) -> Message:
    arguments: dict[str, Any] = {
        "of": "payments", "id": f"p{number}", "amount": 42.5, "keys": {"card": f"c{number}", "terminal": terminal},
    }  # fmt: skip
    command = {
        "instance_id": f"{number:032x}", "pointer": "/do/0/lookBack", "iteration": 0, "attempt": 0, "workflow": "bench",
        "version": "1.0.0", "digest": "0" * 64, "business_key": None, "function": "track", "pin": None,
        "arguments": payload(arguments),
    }  # fmt: skip
    return Message(Record("bench", 0, number, NOW_MS, b"bench", b""), STEP_COMMAND, command)


def _busy() -> fold.State:
    """A key at which something happens every hour, and a fraud every day."""
    state = fold.State()
    for now_ms in range(NOW_MS - 45 * fold.DAY_MS, NOW_MS, fold.HOUR_MS):
        fold.advance(state, now_ms)
        fold.count(state, now_ms, 4_000)
        if now_ms % fold.DAY_MS == 0:
            fold.mark(state, now_ms - 3 * fold.DAY_MS, now_ms)
    return state
