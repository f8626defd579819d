"""The trial of a record that a worker died over twice, or of several: a process of its own handles them, bounded in
time and memory.

Its effects are thrown away, and its rows are read from a store that nobody can write to. Only a record that ends that
process as well, or does not come to an end in it, is guilty and parked. Under any other somebody killed the worker, or
a machine failed; and whatever a handler raises is judged where the record is handled (`containment.py`).

A slow processor may act on the world in a trial, if that may be done again. An effect that may not be repeated waits
for its intent, which cannot be written here: a record that comes so far is innocent, and what becomes of it after that
the intent tells.
"""

from __future__ import annotations

import asyncio
import math
import os
import resource
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from enum import Enum
from pathlib import Path

import msgspec

from schemas.codec import Codec
from streams.runtime.processor import (
    Computing,
    FastProcessor,
    Message,
    NotYet,
    Processor,
    Record,
    Row,
    SlowProcessor,
    StateView,
)
from streams.runtime.store import read_only

START_S = 60.0  # to load the processor, which proves nothing about the record
HANDLE_S = 20.0
WAIT_S = 45.0  # the same for a record that waits for others: longer than a call may take that does not say so
MOST_S = 3_600.0  # that a record may say it takes
MEMORY_BYTES = 2 * 2**30  # beyond what the process has once it is loaded
OPENED = b"opened\n"
TAKES = b"takes "  # so many seconds more, from now on

Command = Callable[[str], Sequence[str]]
"""The command line of a process that calls `stand` for the processor of a name."""


class Verdict(Enum):
    """What a trial found."""

    INNOCENT = "innocent"
    GUILTY = "guilty"
    NONE = "none"  # it could not be held


class Case(msgspec.Struct):
    """A record that is tried."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]

    def record(self) -> Record:
        """The record as it was read."""
        headers = [(name, value or b"") for name, value in self.headers]
        return Record(self.topic, self.partition, self.offset, self.timestamp_ms, self.key, self.value, headers)


_Given = tuple[str, list[Case]]  # the folder of their lane's rows, empty where there is none, and those that are tried


async def hold(
    command: Sequence[str], records: Sequence[Record], store: Path | None, handle_s: float | None = None
) -> Verdict:
    """Starts the process, gives it the records and waits for what becomes of it. One of several may be guilty."""
    given = str(store or ""), [_case(record) for record in records]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(msgspec.msgpack.encode(given))
        process.stdin.close()
        if not await _opened(process.stdout):
            return Verdict.NONE
        handle_s = HANDLE_S if handle_s is None else handle_s
        async with asyncio.timeout(handle_s) as bound:
            async for seconds in _told(process.stdout):
                by = asyncio.get_running_loop().time() + seconds + handle_s
                bound.reschedule(max(by, bound.when() or by))
            return Verdict.INNOCENT if await process.wait() == 0 else Verdict.GUILTY
    except TimeoutError:
        return Verdict.GUILTY
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _case(record: Record) -> Case:
    fields = {name: getattr(record, name) for name in Record.__struct_fields__}
    return Case(**{**fields, "headers": list(record.headers)})


async def _opened(output: asyncio.StreamReader) -> bool:
    """Whether the processor could be loaded; else the process ended, or hung, before it saw the record."""
    try:
        async with asyncio.timeout(START_S):
            while line := await output.readline():
                if line == OPENED:
                    return True
    except TimeoutError:
        pass
    return False


async def _told(output: asyncio.StreamReader) -> AsyncIterator[float]:
    """What the process says it takes, until it has nothing more to say."""
    while True:
        try:
            line = await output.readline()
        except ValueError:  # longer than a line of ours: somebody printed it
            continue
        if not line:
            return
        if line.startswith(TAKES):
            with suppress(ValueError):
                yield min(float(line.removeprefix(TAKES)), MOST_S)


async def stand(processor: Processor, codec: Codec) -> None:
    """The process's own part: handles the records on standard input, those of a slow processor side by side, and
    returns; or does not. Where who asked has ended meanwhile, nothing is handled."""
    try:
        store, cases = msgspec.msgpack.decode(await asyncio.to_thread(sys.stdin.buffer.read), type=_Given)
    except msgspec.DecodeError:  # it ended while it asked
        return
    await processor.open()
    state: StateView = read_only(Path(store)) if store else _NoRows()
    _bound()
    try:
        sys.stdout.buffer.write(OPENED)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        return
    if isinstance(processor, SlowProcessor):
        await asyncio.gather(*(_stand(processor, codec, each.record(), state) for each in cases))
    else:
        for each in cases:
            await _stand(processor, codec, each.record(), state)


async def _stand(processor: Processor, codec: Codec, record: Record, state: StateView) -> None:
    try:
        decoded = processor.framed and record.value is not None
        message = Message(record, *await codec.decode_learning(record.value or b"")) if decoded else None
        await _handle(processor, message or Message(record, "", {}), state)
    except MemoryError:
        raise
    except (NotYet, _IntentWanted, Exception):  # noqa: BLE001  # what it raises is judged elsewhere
        return


async def _handle(processor: Processor, message: Message, state: StateView) -> None:
    if isinstance(processor, SlowProcessor):
        await processor.handle_one(message, _ReadOnly(state))
    elif isinstance(processor, FastProcessor):
        await _compute(processor, message, state)


async def _compute(processor: FastProcessor, message: Message, state: StateView) -> None:
    while True:
        try:
            processor.handle([message], state)
            return
        except Computing as work:
            await work.wait()


class _IntentWanted(BaseException):
    """An effect that may not be repeated would begin now. No handler may make anything else of it."""


class _ReadOnly:
    """The rows as they are; nothing is written in a trial."""

    def __init__(self, state: StateView) -> None:
        self._state = state

    def get(self, key: bytes) -> Row | None:
        return self._state.get(key)

    async def write(self, changes: dict[bytes, Row | None]) -> None:
        raise _IntentWanted

    def rest(self, record: Record) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    def takes(self, seconds: float) -> None:
        if math.isinf(seconds):
            return  # it waits for another, whose time counts
        used, most = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (min(used + math.ceil(min(seconds, MOST_S)), most), most))
        sys.stdout.buffer.write(TAKES + b"%f\n" % seconds)
        sys.stdout.buffer.flush()


def _bound() -> None:
    """More memory or time than a record may take ends this process, and of all processes this one first."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
    memory = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    seconds = int(sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) + HANDLE_S)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + int(MOST_S)))


class _NoRows:
    def get(self, key: bytes) -> Row | None:
        return None
