"""The runtime without Kafka: the same processors on topics in memory, for one process that nothing has to survive.

A record goes to every processor that reads its topic, and rows are kept in a dictionary. What falls due does so in real
time or, with virtual time, as soon as nobody has anything else to do. What is missing is all that durability costs:
positions, changelogs, epochs, groups. For runs of one instance and for tests; a failure of a processor ends the run.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

from schemas.codec import Codec, UndecodableRecord
from streams.ground.settings import Settings
from streams.runtime.clock import now_ms
from streams.runtime.parking import parked
from streams.runtime.processor import (
    Effects,
    FastProcessor,
    Message,
    NotYet,
    Output,
    Processor,
    Record,
    Row,
    SlowProcessor,
)
from streams.runtime.slots import Slots

Watcher = Callable[[Output], None]


class MemoryRuntime:
    """Hosts processors. Records are written with `publish`, and `watch` sees those of a topic."""

    def __init__(
        self, processors: Sequence[Processor], settings: Settings, codec: Codec, *, virtual_time: bool = False
    ) -> None:
        self._codec = codec
        self._virtual_time = virtual_time
        self._ahead_ms = 0  # of the clock on the wall
        self._hosts = [_host(processor, self) for processor in processors]
        self._readers: defaultdict[str, list[_Host]] = defaultdict(list)
        for host in self._hosts:
            for topic in host.processor.declaration.inputs(settings):
                self._readers[topic.name].append(host)
        self._watchers: defaultdict[str, list[Watcher]] = defaultdict(list)
        self._at_rest: Callable[[], None] | None = None
        self._tidying: frozenset[str] = frozenset()
        self._offsets: defaultdict[str, int] = defaultdict(int)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Future[None]]:
        """Opens the processors and lets them work; gives a future that fails with the first of them that fails."""
        opened: list[_Host] = []
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            for host in self._hosts:
                await host.processor.open()
                opened.append(host)
                host.start(failed)
            yield failed
        finally:
            for host in opened:
                await host.stop()
                await host.processor.close()

    def now_ms(self) -> int:
        """The time of records and of what falls due, Unix milliseconds."""
        return now_ms() + self._ahead_ms

    def settle(self) -> None:
        """Where all have come to rest: with virtual time, it is the time at which the first has something to do."""
        if any(host.busy for host in self._hosts):
            return
        dues = {host.processor.declaration.name: host.first_due_ms() for host in self._hosts}
        if self._at_rest is not None and all(at is None for name, at in dues.items() if name not in self._tidying):
            self._at_rest()
            return
        due = [each for each in dues.values() if each is not None]
        if due and self._virtual_time:
            self._ahead_ms += max(0, min(due) - self.now_ms())
            for host in self._hosts:
                host.wake()

    def watch_rest(self, watcher: Callable[[], None], tidying: Collection[str]) -> None:
        """Tells `watcher`, from now on, where nobody has anything to do any more; `tidying` are the names of processors
        whose rows fall due for their own sake only.
        """
        self._at_rest, self._tidying = watcher, frozenset(tidying)

    def watch(self, topic: str, watcher: Watcher) -> None:
        """Shows every record of a topic to `watcher`, before any processor reads it."""
        self._watchers[topic].append(watcher)

    def publish(self, outputs: Iterable[Output]) -> None:
        """Writes records, in their order."""
        for output in outputs:
            name = output.topic.name
            for watcher in self._watchers[name]:
                watcher(output)
            record = Record(name, 0, self._offsets[name], self.now_ms(), output.key, output.value, output.headers)
            self._offsets[name] += 1
            for host in self._readers[name]:
                host.deliver(record)

    async def message(self, record: Record, processor: str) -> Message | None:
        """The record decoded; None, and parked, where it cannot be."""
        if record.value is None:
            return Message(record, "", {})
        try:
            return Message(record, *await self._codec.decode_learning(record.value))
        except UndecodableRecord as error:
            self.publish([parked(record, processor, error.reason)])
            return None


class _Host:
    """One processor with its rows and its queue."""

    def __init__(self, processor: Processor, runtime: MemoryRuntime) -> None:
        self.processor = processor
        self._runtime = runtime
        self._rows: dict[bytes, Row] = {}
        self._fired: set[bytes] = set()  # rows that were offered as due and have not changed since
        self._queue: list[Record] = []
        self._wake = asyncio.Event()
        self._resting = False
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> bool:
        """Whether it has something to do, or somebody else has who works for it."""
        return not self._resting or self._wake.is_set() or len(self._tasks) > 1

    def first_due_ms(self) -> int | None:
        """When the first of its rows falls due that was not offered yet."""
        return min(
            (row.due_ms for key, row in self._rows.items() if row.due_ms and key not in self._fired), default=None
        )

    def wake(self) -> None:
        """Has it look whether something is due."""
        self._wake.set()

    def start(self, failed: asyncio.Future[None]) -> None:
        """Works from now on; the first failure goes into `failed`."""
        self._failed = failed
        self._spawn(self._run())

    async def stop(self) -> None:
        """Gives up what is under way."""
        under_way = list(self._tasks)
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    def deliver(self, record: Record) -> None:
        """Takes a record in."""
        self._queue.append(record)
        self._wake.set()

    def get(self, key: bytes) -> Row | None:
        """The row as last written (`StateView.get`)."""
        return self._rows.get(key)

    async def write(self, changes: Mapping[bytes, Row | None]) -> None:
        """See `WritableState.write`."""
        self._change(changes)

    def rest(self, record: Record) -> AbstractAsyncContextManager[None]:
        """See `WritableState.rest`."""
        return nullcontext()

    def takes(self, seconds: float) -> None:
        """See `WritableState.takes`; nobody looks for stalls here."""

    async def work(self, messages: list[Message]) -> None:
        """Hands messages to the processor."""
        raise NotImplementedError

    def take(self, effects: Effects) -> None:
        """Makes effects true."""
        self._change(effects.changes)
        self._runtime.publish(effects.outputs)
        for count in effects.counts:
            count()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            records, self._queue = self._queue, []
            decoded = [await self._runtime.message(record, self.processor.declaration.name) for record in records]
            if messages := [message for message in decoded if message is not None]:
                await self.work(messages)
            self._fire_due()
            if not self._queue:
                await self._pause()

    async def _pause(self) -> None:
        due_ms = self.first_due_ms()
        self._resting = True
        self._runtime.settle()
        try:
            wait_s = None if due_ms is None else max(0.0, (due_ms - self._runtime.now_ms()) / 1_000)
            async with asyncio.timeout(wait_s):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._resting = False

    def _fire_due(self) -> None:
        now = self._runtime.now_ms()
        for key in [key for key, row in self._rows.items() if 0 < row.due_ms <= now and key not in self._fired]:
            self._fired.add(key)
            self.take(self.processor.on_due(key, self._rows[key], now))

    def _change(self, changes: Mapping[bytes, Row | None]) -> None:
        for key, row in changes.items():
            self._fired.discard(key)
            self._rows.pop(key, None)
            if row is not None:
                self._rows[key] = row
        self._wake.set()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._runtime.settle()
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._failed.done():
            self._failed.set_exception(error)


class _FastHost(_Host):
    processor: FastProcessor

    async def work(self, messages: list[Message]) -> None:
        while True:
            try:
                self.take(self.processor.handle(messages, self))
                return
            except NotYet as missing:
                await missing.wait()


class _SlowHost(_Host):
    processor: SlowProcessor

    def __init__(self, processor: Processor, runtime: MemoryRuntime) -> None:
        super().__init__(processor, runtime)
        self._slots = Slots(self.processor.concurrency)

    @asynccontextmanager
    async def rest(self, record: Record) -> AsyncIterator[None]:
        """See `WritableState.rest`."""
        lent = self._slots.lend(len(record.value or b""))
        try:
            yield
        finally:
            if lent:
                await self._slots.regain()

    async def work(self, messages: list[Message]) -> None:
        for message in messages:
            self._spawn(self._handle_one(message))

    async def _handle_one(self, message: Message) -> None:
        async with self._slots:
            self.take(await self.processor.handle_one(message, self))


def _host(processor: Processor, runtime: MemoryRuntime) -> _Host:
    return (_SlowHost if isinstance(processor, SlowProcessor) else _FastHost)(processor, runtime)
