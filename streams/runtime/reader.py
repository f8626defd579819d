"""Reading records by position, on a thread of its own.

The group says which partitions are ours (`membership.py`); this reader is told where to start in each and never
decides that itself: no group protocol, no automatic commit, no seek. What was fetched and is not wanted any more is
simply read again by whoever owns the partition next, from what is committed.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition
from confluent_kafka.cimpl import Message as RawMessage

from schemas.recordheaders import headers_of
from streams.ground.kafka import client_config, next_of
from streams.ground.settings import Settings
from streams.runtime.pace import Pace
from streams.runtime.processor import Record

MAX_RECORDS = 1_000  # in one hand-over to the event loop,
MAX_GATHERED = 4_000  # and in one of a reader that gathers
HANDED_OVER = 4  # hand-overs that the event loop has not taken yet; the rest waits in the client's bounded queue
POLL_S = 0.5  # an idle poll holds up a change of the assignment for this long at most
PAUSED_POLL_S = 0.05  # while a partition is held back, so that its release is not held up as well
FETCH_WAIT_MS = 2_000  # a released partition waits for the fetch that its idle neighbours have under way (`lane.py`)
LOOK_UP_S = 10.0  # for the records at known offsets; who is slower than that is taken at their word
QUEUED_RECORDS = 2_000  # fetched ahead; a pause throws them away
# Of a stream, a reader that gathers fetches no more once it holds a record: a fetch costs the broker a look at each of
# the many partitions that it reads. One that is left out of a fetch then waits for its end, which is not far.
STREAM = {"queued.min.messages": 1, "fetch.wait.max.ms": 20}


class Partition(NamedTuple):
    """A topic partition."""

    topic: str
    number: int


class Reader:
    """Reads the partitions it was assigned, and hands what it read to the event loop with the generation it belongs
    to."""

    def __init__(
        self,
        settings: Settings,
        group: str,
        deliver: Callable[[int, Mapping[Partition, list[Record]]], None],
        fail: Callable[[BaseException], None],
        *,
        gathers: bool = False,
    ) -> None:
        """`gathers`: under load, records are handed over in few large batches, at the price of a rest (`pace`)."""
        self._config = client_config(settings) | {
            "group.id": group,  # the client wants a name; it joins nothing and commits nothing
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": FETCH_WAIT_MS,
            "fetch.error.backoff.ms": 50,
            "fetch.queue.backoff.ms": 5,
            "queued.min.messages": QUEUED_RECORDS,
            "queued.max.messages.kbytes": 16_384,
            "socket.nagle.disable": True,
        }
        self._consumer = Consumer(self._config)
        self._other: Consumer | None = None  # which reads nothing: the one for a stream, or the usual one meanwhile
        self._in_stream = False
        self._next: dict[Partition, int] = {}  # offset that each assigned partition goes on at
        self._deliver = deliver
        self._fail = fail
        self._gathers = gathers
        self._most = MAX_GATHERED if gathers else MAX_RECORDS
        self._pace = Pace()
        self._rests_until = 0.0
        self._room = threading.Semaphore(HANDED_OVER)
        self._loop = asyncio.get_running_loop()
        self._orders: queue.SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]]] = queue.SimpleQueue()
        self._generation = 0
        self._paused: set[Partition] = set()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=f"reader-{group}", daemon=True)

    def start(self) -> None:
        """Starts reading (nothing, until partitions are assigned)."""
        self._thread.start()

    async def stop(self) -> None:
        """Ends the thread and closes the connection."""
        self._stopped = True
        await asyncio.to_thread(self._thread.join)
        for each in (self._consumer, self._other):
            if each is not None:
                await asyncio.to_thread(each.close)

    async def assign(self, generation: int, starts: Mapping[Partition, int | None]) -> None:
        """From now on reads these partitions, each from its offset (None: from the beginning)."""
        partitions = [
            TopicPartition(topic, number, OFFSET_BEGINNING if offset is None else offset)
            for (topic, number), offset in starts.items()
        ]
        await self._order(lambda: self._assign(generation, partitions))

    def _assign(self, generation: int, partitions: list[TopicPartition]) -> None:
        self._generation = generation
        self._next = {Partition(each.topic, each.partition): each.offset for each in partitions}
        self._consumer.assign(partitions)
        self._consumer.resume(partitions)  # the client remembers a pause across assignments
        self._paused.clear()

    async def keys_at(self, places: Mapping[Partition, int]) -> dict[Partition, bytes | None]:
        """The keys of the records at some offsets, without those that are no longer kept; while nothing is assigned."""
        found: dict[Partition, bytes | None] = await self._order(lambda: self._keys_at(places)) if places else {}
        return found

    def _keys_at(self, places: Mapping[Partition, int]) -> dict[Partition, bytes | None]:
        self._consumer.assign([TopicPartition(*partition, offset) for partition, offset in places.items()])
        first: dict[Partition, Record] = {}
        until = time.monotonic() + LOOK_UP_S
        while len(first) < len(places) and time.monotonic() < until and not self._stopped:
            for partition, records in _by_partition(self._consumer.consume(MAX_RECORDS, timeout=POLL_S)).items():
                first.setdefault(partition, records[0])
        self._consumer.assign([])
        return {each: record.key for each, record in first.items() if record.offset == places[each]}

    def pause(self, partition: Partition) -> None:
        """Stops fetching a partition; what was handed over stays valid."""
        self._give_order(lambda: self._pause(partition))

    def _pause(self, partition: Partition) -> None:
        if any((item.topic, item.partition) == partition for item in self._consumer.assignment()):
            self._consumer.pause([TopicPartition(*partition)])
            self._paused.add(partition)

    def resume(self, partition: Partition) -> None:
        """Goes on where `pause` stopped."""
        self._give_order(lambda: self._resume(partition))

    def _resume(self, partition: Partition) -> None:
        if partition in self._paused:
            self._consumer.resume([TopicPartition(*partition)])
            self._paused.remove(partition)

    def _give_order(self, order: Callable[[], Any]) -> asyncio.Future[Any]:
        done = self._loop.create_future()
        self._orders.put((order, done))
        return done

    async def _order(self, order: Callable[[], Any]) -> Any:
        return await self._give_order(order)

    def _run(self) -> None:
        try:
            while not self._stopped:
                self._carry_out_orders()
                if self._room.acquire(timeout=POLL_S):
                    self._read()
        except Exception as error:  # noqa: BLE001  # the thread's edge: a reader that ends unseen would leave the lanes waiting for ever
            self._call(self._fail, error)

    def _read(self) -> None:
        first = next_of(self._consumer, PAUSED_POLL_S if self._paused else POLL_S)
        if first is None:
            self._room.release()
            if self._in_stream:
                self._keep_pace(0)
            return
        if self._gathers and (rest_s := self._rests_until - time.monotonic()) > 0:
            time.sleep(rest_s)
        raw = [first, *self._consumer.consume(self._most - 1, timeout=0)]
        found = _by_partition(raw)
        if self._gathers:
            self._next |= {partition: records[-1].offset + 1 for partition, records in found.items()}
            self._keep_pace(len(raw))
        self._call(self._hand_over, self._generation, found)

    def _keep_pace(self, records: int) -> None:
        now = time.monotonic()
        rest_s = self._pace.rest_s(records, now)
        self._rests_until = now + rest_s if records < self._most else 0.0
        if self._pace.streams is not self._in_stream:
            self._change()

    def _change(self) -> None:
        """Goes on with the other client, where this one stands. What it has fetched ahead is fetched again."""
        self._consumer.assign([])
        other = Consumer(self._config | STREAM) if self._other is None else self._other
        self._consumer, self._other = other, self._consumer
        self._in_stream = not self._in_stream
        places = [TopicPartition(*partition, offset) for partition, offset in self._next.items()]
        self._consumer.assign(places)
        self._consumer.resume(places)
        if self._paused:
            self._consumer.pause([TopicPartition(*partition) for partition in self._paused])

    def _hand_over(self, generation: int, records: Mapping[Partition, list[Record]]) -> None:
        self._room.release()
        self._deliver(generation, records)

    def _carry_out_orders(self) -> None:
        while not self._orders.empty():
            order, done = self._orders.get()
            try:
                result = order()
            except KafkaException as error:
                self._call(_settle, done, None, error)
            else:
                self._call(_settle, done, result, None)

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)


def _settle(done: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if done.cancelled():
        return
    if error is None:
        done.set_result(result)
    else:
        done.set_exception(error)


def _by_partition(raw: Iterable[RawMessage]) -> dict[Partition, list[Record]]:
    found: dict[Partition, list[Record]] = {}
    for message in raw:
        if message.error() is None:
            record = _record(message)
            found.setdefault(Partition(record.topic, record.partition), []).append(record)
    return found


def _record(message: Any) -> Record:
    """The client's stubs allow None for what a message without an error always has."""
    return Record(
        message.topic(),
        message.partition(),
        message.offset(),
        message.timestamp()[1],
        message.key(),
        message.value(),
        headers_of(message),
    )
