"""Membership in the consumer group: what Faust does for us, and all of it.

A Faust app joins the group, our assignor in it spreads the partitions (`assignor.py`), its thread keeps the heartbeats
while the event loop computes, and its commits are refused once another member owns a partition. Faust's own fetching,
acknowledging, tables and recovery are not started.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import faust
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition
from faust.app.base import BootStrategy
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode import Service

from streams.ground.kafka import ssl_context
from streams.ground.settings import Settings
from streams.runtime.assignor import Assignor
from streams.runtime.reader import Partition
from streams.runtime.settings import RuntimeSettings

FAILURE_CHECK_S = 3.0
NEVER_S = 1_000_000.0  # our own reader polls and our host commits; the group must not wait for Faust's


class Member(Protocol):
    """Who is told about the assignment."""

    async def revoked(self) -> None:
        """Everything is taken away: finish and commit what is under way, then let go."""
        ...

    async def assigned(self, generation: int, partitions: set[Partition]) -> None:
        """These partitions are ours now, and no others."""
        ...


class _Thread(driver.AIOKafkaConsumerThread):
    """The membership thread; its consumer fetches nothing, and looks up no positions.

    Calls into it wake its loop by themselves, so it needs none of the timers that turn both loops each second, nor
    the fetcher that looks five times a second for something to fetch: they were half of what an idle worker costs,
    and took a process that was stopped for a while for a dead thread.
    """

    async def on_start(self) -> None:
        await super().on_start()
        self._ensure_consumer()._fetcher._fetch_task.cancel()

    async def _keepalive2(self) -> None:
        """No timer in the calling loop."""

    @Service.task
    async def _thread_keepalive(self) -> None:
        """No timer in the thread's own loop."""


class _Consumer(driver.Consumer):
    """Passes changes of the assignment on to our member instead of Faust's agents and tables."""

    app: _App

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        await self.app.member.revoked()

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        self.app.on_rebalance_return()
        await self.app.member.assigned(generation_id, {Partition(tp.topic, tp.partition) for tp in assigned})
        self.app.on_rebalance_end()

    async def verify_all_partitions_active(self) -> None:
        """Faust would complain that nothing is fetched: our reader does that, and our watchdog watches it."""


class _Transport(driver.Transport):
    Consumer = _Consumer


class _OnlyMembership(BootStrategy):
    """Of all the services of a Faust worker, only the consumer."""

    def server(self) -> Iterable[Any]:
        return [self.app.consumer]


class _App(faust.App):
    BootStrategy = _OnlyMembership
    member: Member

    def _create_directories(self) -> None:
        """Faust's tables are not used, so its folders are not needed."""


class Membership:
    """One processor's place in its consumer group."""

    def __init__(self, settings: Settings, group: str, topics: Iterable[str], member: Member) -> None:
        self._topics = set(topics)
        session_s = settings.of(RuntimeSettings).session_timeout_ms / 1_000
        self._app = _App(
            group,
            broker=[f"aiokafka://{server}" for server in settings.bootstrap.split(",")],
            broker_credentials=_credentials(settings),
            broker_session_timeout=session_s,
            broker_heartbeat_interval=session_s / 3,
            broker_request_timeout=max(40.0, session_s + 1),
            broker_rebalance_timeout=max(60.0, session_s),
            broker_max_poll_interval=NEVER_S,
            broker_commit_interval=NEVER_S,  # the host commits
            consumer_auto_offset_reset="earliest",
            topic_disable_leader=True,
            topic_allow_declare=False,
            table_standby_replicas=1,  # selects the assignor of the next line; without, Kafka's own would do
            PartitionAssignor=Assignor,
            autodiscover=False,
            web_enabled=False,
            stream_wait_empty=False,
        )
        self._app.member = member
        self._app.transport = _Transport(self._app.conf.broker_consumer, self._app)
        self._app.finalize()

    async def start(self) -> None:
        """Joins the group; `Member.assigned` follows."""
        await self._app.start()
        await self._consumer.subscribe(self._topics)

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Reads other topics from now on; `Member.assigned` follows."""
        self._topics = set(topics)
        await self._consumer.subscribe(self._topics)

    async def stop(self) -> None:
        """Leaves the group, so that others take over at once."""
        await self._app.stop()

    async def commit(self, positions: Mapping[Partition, int]) -> bool:
        """Commits positions; False if the group has moved on and they are not ours to commit."""
        offsets = {TP(topic, number): offset for (topic, number), offset in positions.items()}
        return bool(await self._consumer._commit(offsets))

    async def committed(self, partitions: Iterable[Partition]) -> dict[Partition, int | None]:
        """What the group has committed for each partition, None where it has committed nothing."""
        thread = self._consumer._thread
        wanted = {partition: TopicPartition(*partition) for partition in partitions}
        found = await thread.call_thread(
            thread._ensure_consumer()._coordinator.fetch_committed_offsets, set(wanted.values())
        )
        offsets = {
            partition: found[aiokafka_tp].offset for partition, aiokafka_tp in wanted.items() if aiokafka_tp in found
        }
        return {partition: offset if (offset := offsets.get(partition, -1)) >= 0 else None for partition in wanted}

    async def end_offsets(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """The offset behind the last record of any partitions; empty while the brokers do not answer."""
        return await self._offsets(partitions, "end_offsets")

    async def first_offsets(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """The offset of the first record that partitions still hold; empty while the brokers do not answer."""
        return await self._offsets(partitions, "beginning_offsets")

    async def _offsets(self, partitions: Iterable[Partition], which: str) -> dict[Partition, int]:
        thread = self._consumer._thread
        wanted = {partition: TopicPartition(*partition) for partition in partitions}
        try:
            found = await thread.call_thread(getattr(thread._ensure_consumer(), which), list(wanted.values()))
        except KafkaError:
            return {}
        return {partition: found[aiokafka_tp] for partition, aiokafka_tp in wanted.items()}

    @property
    def _consumer(self) -> _Consumer:
        consumer = self._app.consumer
        assert isinstance(consumer, _Consumer)
        return consumer

    @property
    def failure(self) -> BaseException | None:
        """What broke the membership, if something did."""
        return next((service.crash_reason for service in (self._app, self._consumer) if service.crashed), None)

    async def wait_until_failed(self) -> BaseException:
        """Returns when the membership has broken for good."""
        while self.failure is None:  # noqa: ASYNC110  # Faust notes a crash in a field and tells nobody
            await asyncio.sleep(FAILURE_CHECK_S)
        return self.failure


def _credentials(settings: Settings) -> faust.auth.Credentials | None:
    context = ssl_context(settings)
    if settings.security_protocol.startswith("SASL"):
        return faust.SASLCredentials(
            mechanism=settings.sasl_mechanism,
            username=settings.sasl_username,
            password=settings.sasl_password,
            ssl_context=context,
        )
    return None if context is None else faust.SSLCredentials(context)
