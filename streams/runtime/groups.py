"""What Kafka knows of the groups of processors: whether one has members, and where it stands on its topics.

Asked through aiokafka: librdkafka ends the process where a question about a group is answered after its time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, TypeVar

import aiokafka
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.admin import DescribeGroupsRequest_v3, DescribeGroupsResponse_v3

from streams.ground.kafka import ssl_context
from streams.ground.settings import Settings
from streams.ground.unread import ASK_S, PAUSE_S, away
from streams.runtime.reader import Partition

# aiokafka 0.14 names the answer of version 2 here, by which only the first group of several can be read.
DescribeGroupsRequest_v3.RESPONSE_TYPE = DescribeGroupsResponse_v3

NOT_FOUND = 69  # Kafka's code for a group that nobody has joined yet

Answer = TypeVar("Answer")
Committed = Mapping[Partition, int]


class Position(NamedTuple):
    """Where a processor stands on a partition."""

    read: int  # the first record that it has not settled
    end: int


async def members(settings: Settings, processors: Iterable[str]) -> Mapping[str, int]:
    """How many members the group of each processor has. Raises UnavailableError."""
    groups = {f"{settings.group_prefix}-{name}": name for name in processors}

    async def ask() -> Mapping[str, int]:
        async with _admin(settings) as admin:
            answers = await admin.describe_consumer_groups(list(groups)) if groups else []
        told = [group for answer in answers for group in answer.groups]
        for code, *_ in told:
            if code not in (0, NOT_FOUND):
                raise for_code(code)
        return {groups[name]: len(each) for _, name, _, _, _, each, *_ in told}

    return await _answered(settings, ask)


async def committed(settings: Settings, processors: Collection[str] | None = None) -> Mapping[str, Committed]:
    """The positions that each processor has committed; of all that have a group, if none are named. Raises
    UnavailableError."""
    prefix = f"{settings.group_prefix}-"

    async def ask() -> Mapping[str, Committed]:
        async with _admin(settings) as admin:
            if processors is None:
                groups = [name for name, *_ in await admin.list_consumer_groups() if name.startswith(prefix)]
            else:
                groups = [prefix + each for each in processors]
            found = {group: await admin.list_consumer_group_offsets(group) for group in groups}
        return {
            group.removeprefix(prefix): {Partition(*place): each.offset for place, each in places.items()}
            for group, places in found.items()
        }

    return await _answered(settings, ask)


async def standing(settings: Settings, processors: Collection[str]) -> Mapping[str, Mapping[Partition, Position]]:
    """Where each of the processors stands on the partitions of which it has settled anything. Raises
    UnavailableError."""
    read = await committed(settings, processors)
    places = [aiokafka.TopicPartition(*place) for place in {place for each in read.values() for place in each}]
    if not places:
        return {name: {} for name in read}

    async def ask() -> Mapping[str, Mapping[Partition, Position]]:
        async with _consumer(settings) as consumer:
            first, last = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        return {
            name: {place: Position(max(offset, first[place]), last[place]) for place, offset in places.items()}
            for name, places in read.items()
        }

    return await _answered(settings, ask)


async def _answered(settings: Settings, ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """What Kafka answers in time; a group that is new, or whose broker has gone, has none for a moment.

    aiokafka cancels whoever closes a client of it that has not quite begun; that is no wish of anybody to end.
    """
    reason, me = "in time", asyncio.current_task()
    assert me is not None
    try:
        async with asyncio.timeout(ASK_S):
            while True:
                try:
                    return await ask()
                except KafkaError as error:
                    reason = type(error).__name__
                    if not getattr(error, "retriable", False):
                        break
                except asyncio.CancelledError:
                    if me.cancelling():
                        raise
                await asyncio.sleep(PAUSE_S)
    except TimeoutError:
        pass
    raise away(settings, reason)


@asynccontextmanager
async def _admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**_config(settings))
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


@asynccontextmanager
async def _consumer(settings: Settings) -> AsyncIterator[aiokafka.AIOKafkaConsumer]:
    consumer = aiokafka.AIOKafkaConsumer(**_config(settings))
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


def _config(settings: Settings) -> dict[str, Any]:
    return {
        "bootstrap_servers": settings.bootstrap.split(","),
        "request_timeout_ms": int(ASK_S * 1_000),
        "security_protocol": settings.security_protocol,
        "ssl_context": ssl_context(settings),
        "sasl_mechanism": settings.sasl_mechanism,
        "sasl_plain_username": settings.sasl_username or None,
        "sasl_plain_password": settings.sasl_password or None,
    }
