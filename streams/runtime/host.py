"""Hosts one processor in this process: its membership, its lanes, its commits.

On an assignment every lane recovers its table partition and takes its epoch, then reading starts at what the group
has committed. On a revocation lanes finish what is being written, the last positions are committed, and everything of
the old generation is forgotten.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from schemas.codec import Codec
from streams.ground.kafka import client_config
from streams.ground.settings import Settings
from streams.runtime import metrics
from streams.runtime.clock import now_ms
from streams.runtime.crash import CrashPoint
from streams.runtime.fast_lane import FastLane
from streams.runtime.in_flight import InFlight
from streams.runtime.lane import Lane, Limits
from streams.runtime.membership import Membership
from streams.runtime.noting import Noting
from streams.runtime.processor import FastProcessor, Processor, Record, SlowProcessor
from streams.runtime.reader import Partition, Reader
from streams.runtime.settings import RuntimeSettings
from streams.runtime.shortened import check_running, last_read, mend_rows, notes_offsets, true_starts
from streams.runtime.slots import Slots
from streams.runtime.slow_lane import SlowLane
from streams.runtime.standing import Standing
from streams.runtime.store import Store
from streams.runtime.suspects import Suspects
from streams.runtime.table import Changelog, TablePartition
from streams.runtime.threads import Aside
from streams.runtime.together import Together
from streams.runtime.writer import Writer

STOP_S = 30.0  # for lanes to finish what is being written
FOLLOW_S = 3.0  # how often a processor that reads topics by a pattern looks for new ones
LOOK_AROUND_S = 10.0  # how often an idle owner looks for zombies, and everybody at the lag

log = structlog.get_logger()


class Host:
    """One processor, from joining its group to leaving it."""

    def __init__(
        self,
        processor: Processor,
        settings: Settings,
        codec: Codec,
        state_dir: Path,
        crash: CrashPoint,
        trial: Sequence[str] | None = None,
    ) -> None:
        self.processor = processor
        self.lanes: dict[int, Lane] = {}
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._settings = settings
        self._codec = codec
        self._state_dir = state_dir
        self._crash = crash
        self._generation = 0
        self._tables: dict[int, TablePartition] = {}
        self._standing = Standing()
        self._notes: dict[int, Suspects | InFlight] = {}  # by lane: what a death would leave behind
        self._trial = trial
        self._tasks: list[asyncio.Task[None]] = []
        self._opening: asyncio.Task[None] | None = None
        self._committed: dict[Partition, int] = {}
        self._fed = asyncio.Event()
        self._forever: list[asyncio.Task[None]] = []
        self._letting_go = asyncio.Lock()  # the group and the end of the process may ask at the same time
        self._slots = Slots(processor.concurrency if isinstance(processor, SlowProcessor) else 1)
        self._name = processor.declaration.name
        self._aside: Aside | None = None  # the thread of a processor that stands with a system outside, and its users
        self._noting: Noting | None = None
        self._together: Together | None = None
        if isinstance(processor, FastProcessor) and processor.stands_with:
            self._aside = Aside(self._name)
            self._noting = Noting(processor, self._aside)
            self._together = Together(processor, self._aside)
        group = f"{settings.group_prefix}-{self._name}"
        self._log = log.bind(processor=self._name)
        self._declared = frozenset(topic.name for topic in processor.declaration.inputs(settings))
        self._inputs = self._declared
        self._admin: AdminClient | None = None
        self._writer = Writer(settings, group)
        self._reader = Reader(settings, group, self._deliver, self._fail, gathers=self._together is not None)
        self._membership = Membership(settings, group, self._inputs, self)

    async def start(self) -> None:
        """Opens the processor and joins the group."""
        await self.processor.open()
        await self._writer.start()
        self._reader.start()
        await self._membership.start()
        self._spawn_forever(
            self._commit_regularly(),
            self._watch_membership(),
            self._look_around_regularly(),
            self._follow_topics(),
            self.processor.watch(),
        )

    async def stop(self) -> None:
        """Finishes what is under way, commits, leaves the group."""
        for task in self._forever:
            task.cancel()
        await self.revoked()
        await self._membership.stop()
        await self._reader.stop()
        await self._writer.stop()
        if self._aside is not None:
            self._aside.close()
        await self.processor.close()

    @property
    def ready(self) -> bool:
        """Whether the assignment has been taken, with all its state."""
        return self._generation > 0 and self._opening is None

    def causes(self, now: float) -> list[str]:
        """What keeps the processor from working as it should; `now` is monotonic."""
        if self._opening is not None:
            return ["takes over its partitions and their state"]
        if self._generation == 0:
            return ["has no partitions yet"]
        return [reason for lane in self.lanes.values() if (reason := lane.stands(now))]

    def stalled(self, since: float) -> str | None:
        """Names a lane that has work and has not moved since then (monotonic seconds); called from the watchdog's
        thread."""
        for lane in list(self.lanes.values()):
            waiting_since = lane.waiting_since
            if waiting_since is not None and waiting_since < since:
                return f"{self._name}, lane {lane.number}, has work and does not move"
        return None

    def look_at_clock(self) -> None:
        """The wall clock has stepped: lanes look at once what is due."""
        for lane in self.lanes.values():
            lane.look_at_clock()

    # --- assignment (called by the membership)

    async def revoked(self) -> None:
        """See `membership.Member`."""
        async with self._letting_go:
            try:
                await self._let_go()
            except Exception as error:  # the group's client would log it and go on
                self._fail(error)
                raise

    async def _let_go(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
            for table in self._tables.values():
                table.give_up()
            await asyncio.gather(self._opening, return_exceptions=True)
            self._opening = None
        metrics.READY.labels(self._name).set(0)
        await self._reader.assign(0, {})
        for lane in self.lanes.values():
            lane.stop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_S)
        await self._commit()
        if self._noting is not None:
            await self._noting.settle()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._forget()

    def _forget(self) -> None:
        for table in self._tables.values():
            table.store.close()
        self._tables.clear()
        for note in self._notes.values():
            note.close()
        self._notes.clear()
        self.lanes.clear()
        self._tasks.clear()
        self._committed.clear()
        self._generation = 0

    async def assigned(self, generation: int, partitions: set[Partition]) -> None:
        """See `membership.Member`. Recovery may take long, so it does not hold up the group's protocol."""
        self._opening = asyncio.create_task(self._open(generation, partitions))
        self._opening.add_done_callback(self._fail_with)

    async def _open(self, generation: int, partitions: set[Partition]) -> None:
        started = time.monotonic()
        numbers = sorted({partition.number for partition in partitions})
        await asyncio.gather(*(self._open_lane(number) for number in numbers))
        self._reach("after_fence")
        starts = await self._starts(partitions) if partitions else {}
        self._generation = generation
        for lane in self.lanes.values():
            task = asyncio.create_task(lane.run(), name=f"{self._name}-{lane.number}")
            task.add_done_callback(self._fail_with)
            self._tasks.append(task)
        await self._reader.assign(generation, starts)
        self._opening = None
        metrics.REBALANCES.labels(self._name).inc()
        metrics.LANES.labels(self._name).set(len(numbers))
        metrics.READY.labels(self._name).set(1)
        self._log.info("ready", lanes=numbers, generation=generation, seconds=round(time.monotonic() - started, 2))

    async def _starts(self, partitions: set[Partition]) -> dict[Partition, int | None]:
        """Where to begin reading, after a look whether the inputs still hold what was read of them."""
        committed = await self._membership.committed(partitions)
        ends = await self._membership.end_offsets(partitions)
        starts = true_starts(self._name, committed, ends)
        starts |= await self._to_be_made_again(starts)
        if notes_offsets(self.processor):
            starts |= await self._mended({each: end for each, end in ends.items() if each.number in self._tables})
        return starts

    async def _mended(self, ends: Mapping[Partition, int]) -> dict[Partition, int | None]:
        """Where to begin in partitions that are no longer those from which the rows were made."""
        noted = {each: await last_read(self.processor, self._tables[each.number]) for each in ends}
        there = await self._reader.keys_at({each: at for each, (at, _) in noted.items() if 0 <= at < ends[each]})
        starts: dict[Partition, int | None] = {}
        for each, (at, key) in noted.items():
            if at >= ends[each] or there.get(each, key) != key:
                await mend_rows(self.processor, self._tables[each.number], at + 1, ends[each], each)
                starts[each] = None
        return starts

    async def _to_be_made_again(self, starts: Mapping[Partition, int | None]) -> dict[Partition, int | None]:
        """Where to begin in partitions of which what was made is gone."""
        before = await self._noting.before(starts) if self._noting is not None else {}
        if before:
            first = await self._membership.first_offsets(before)
            ends = {each: starts[each] or 0 for each in before}
            self._log.warning(
                "reads again",
                partitions=len(before),
                records=sum(ends[each] - max(at, first.get(each, 0)) for each, at in before.items()),
                no_longer_kept=sum(max(0, first.get(each, 0) - at) for each, at in before.items()),
            )
        return {each: at or None for each, at in before.items()}

    async def _open_lane(self, number: int) -> None:
        table = await self._recover(number)
        ours = self._settings.of(RuntimeSettings)
        limits = Limits(
            ours.max_batch_records, ours.max_buffered_records, ours.max_buffered_bytes, ours.max_parked_per_minute
        )
        arguments = (self.processor, number, self._writer, self._codec, self._reader, table, limits, self._crash)
        if isinstance(self.processor, SlowProcessor):
            in_flight = self._notes[number] = InFlight(self._state_dir / self._name / f"in-flight-{number}")
            self.lanes[number] = SlowLane(*arguments, slots=self._slots, in_flight=in_flight, trial=self._trial)
        else:
            suspects = self._notes[number] = Suspects(self._state_dir / self._name / f"under-way-{number}")
            self.lanes[number] = FastLane(*arguments, suspects=suspects, trial=self._trial, together=self._together)

    async def _recover(self, number: int) -> TablePartition | None:
        name, topic = self.processor.declaration.table, self.processor.declaration.changelog
        if topic is None:
            return None
        store = Store(self._state_dir / self._name / f"{name}-{number}")
        changelog = Changelog(self._settings, topic, number)
        table = self._tables[number] = TablePartition(store, changelog, self._writer)
        count = await table.recover(now_ms())
        metrics.RECOVERED.labels(self._name).inc(count)
        self._reach("after_recovery")
        return table

    # --- records in, positions out

    def _deliver(self, generation: int, records: Mapping[Partition, list[Record]]) -> None:
        if generation != self._generation:
            return  # read for an assignment that is over; the next owner reads them again
        for partition, items in records.items():
            self.lanes[partition.number].deliver(partition, items)
        self._fed.set()

    async def _commit_regularly(self) -> None:
        while True:
            await self._fed.wait()
            self._fed.clear()
            while self._in_motion():
                await asyncio.sleep(self._settings.of(RuntimeSettings).commit_interval_ms / 1_000)
                await self._commit()

    def _in_motion(self) -> bool:
        return any(lane.busy for lane in self.lanes.values()) or bool(self._uncommitted())

    async def _commit(self) -> None:
        generation = self._generation
        positions = self._uncommitted()
        if positions and await self._membership.commit(positions) and generation == self._generation:
            self._committed.update(positions)
            if self._noting is not None:
                self._noting.note(positions)
            self._reach("after_commit")

    def _uncommitted(self) -> Mapping[Partition, int]:
        current = {
            partition: offset for lane in self.lanes.values() for partition, offset in lane.committable().items()
        }
        return {partition: offset for partition, offset in current.items() if self._committed.get(partition) != offset}

    # --- inputs that appear while it runs

    async def _follow_topics(self) -> None:
        while type(self.processor).reads_also is not Processor.reads_also:
            inputs = self._declared
            if (also := self.processor.reads_also()) is not None:
                inputs |= await asyncio.to_thread(self._others_there_are, also)
            if inputs != self._inputs:
                self._log.info("inputs changed", topics=sorted(inputs ^ self._inputs))
                self._inputs = inputs
                await self.revoked()  # commits while the partitions are still ours
                await self._membership.subscribe(inputs)
            await asyncio.sleep(FOLLOW_S)

    def _others_there_are(self, also: Callable[[str], bool]) -> frozenset[str]:
        if self._admin is None:
            self._admin = AdminClient(client_config(self._settings))
        try:
            return frozenset(filter(also, self._admin.list_topics(timeout=FOLLOW_S).topics))
        except KafkaException:  # away; the group will say so
            return self._inputs

    # --- failures

    async def _look_around_regularly(self) -> None:
        """Once in a while: zombies in the changelogs of idle lanes, and how far behind we are."""
        while True:
            await asyncio.sleep(LOOK_AROUND_S)
            changelogs = {number: table.partition for number, table in self._tables.items() if number in self.lanes}
            positions = {key: value for lane in self.lanes.values() for key, value in lane.committable().items()}
            ends = await self._membership.end_offsets({*changelogs.values(), *positions})
            if ends:
                await self._check_alone({number: ends[partition] for number, partition in changelogs.items()})
                self._tell_lag(positions, ends)
                check_running(self._name, positions, ends)

    async def _check_alone(self, end_offsets: Mapping[int, int]) -> None:
        for number, end_offset in end_offsets.items():
            if number in self.lanes:
                await self.lanes[number].check_alone(end_offset)

    def _tell_lag(self, positions: Mapping[Partition, int], ends: Mapping[Partition, int]) -> None:
        lags = Counter(dict.fromkeys(self._inputs, 0))
        for partition, position in positions.items():
            lags[partition.topic] += max(0, ends[partition] - position)
        for topic, records in lags.items():
            metrics.LAG.labels(self._name, topic).set(records)
        stood = self._standing.seconds(positions, ends, time.monotonic())
        for topic in self._inputs:
            metrics.STANDING.labels(self._name, topic).set(stood.get(topic, 0.0))

    async def _watch_membership(self) -> None:
        raise await self._membership.wait_until_failed()

    def _spawn_forever(self, *coroutines: Coroutine[Any, Any, None]) -> None:
        self._forever = [asyncio.create_task(coroutine) for coroutine in coroutines]
        for task in self._forever:
            task.add_done_callback(self._fail_with)

    def _fail_with(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if not self.failed.done():
            self.failed.set_exception(error)

    def _reach(self, point: str) -> None:
        if self._crash.armed:
            self._crash.reach(self._name, point)


def all_ready(hosts: Iterable[Host]) -> bool:
    """Whether every processor has its partitions and its state."""
    return all(host.ready for host in hosts)
