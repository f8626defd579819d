"""Writing records and knowing that they are written.

Records go out as whole batches, one for each target partition, and every batch is awaited. What cannot be delivered
is an error that ends the process: the supervisor starts it again from what is committed. The producer is idempotent,
so its own retries do not double a record.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import aiokafka
from aiokafka.partitioner import murmur2
from aiokafka.producer.message_accumulator import BatchBuilder

from streams.ground.kafka import ssl_context
from streams.ground.settings import Settings
from streams.ground.topic import Keyed, Topic
from streams.runtime.processor import Headers, Output

MAX_BATCH_BYTES = 1_048_576
LINGER_MS = 0


class DeliveryError(Exception):
    """Records could not be delivered; their effects are unknown, so the process has to end."""


class Written(NamedTuple):
    """Where a batch ended up."""

    first_offset: int
    records: int


class Writer:
    """An idempotent producer that deals in batches."""

    def __init__(self, settings: Settings, client_id: str) -> None:
        self._producer = aiokafka.AIOKafkaProducer(
            bootstrap_servers=settings.bootstrap.split(","),
            client_id=client_id,
            acks="all",
            enable_idempotence=True,
            linger_ms=LINGER_MS,
            max_batch_size=MAX_BATCH_BYTES,
            max_request_size=2 * MAX_BATCH_BYTES,
            request_timeout_ms=30_000,
            security_protocol=settings.security_protocol,
            ssl_context=ssl_context(settings),
            sasl_mechanism=settings.sasl_mechanism,
            sasl_plain_username=settings.sasl_username or None,
            sasl_plain_password=settings.sasl_password or None,
        )
        self._partitions = settings.partitions
        self._turns: dict[tuple[str, int], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def start(self) -> None:
        """Connects; raises if no broker answers."""
        await self._producer.start()

    async def stop(self) -> None:
        """Flushes and disconnects."""
        await self._producer.stop()

    async def send(self, outputs: Iterable[Output], cause: int) -> None:
        """Delivers outputs in their order, each to the partition that its topic and its key give.

        `cause` is the partition number of the records that the outputs come from. Raises DeliveryError.
        """
        targets: dict[tuple[str, int], list[Output]] = {}
        known: dict[bytes | None, int] = {}  # by instance: most outputs of a batch share their key with others
        for output in outputs:
            topic, key = output.topic, output.key
            number = known.get(key) if topic.keyed is Keyed.INSTANCE else None
            if number is None:
                number = await self._partition(output, cause)
                if topic.keyed is Keyed.INSTANCE:
                    known[key] = number
            targets.setdefault((topic.name, number), []).append(output)
        try:
            sent = [await self._send_batches(topic, number, items) for (topic, number), items in targets.items()]
            await asyncio.gather(*(future for futures in sent for future, _ in futures))
        except aiokafka.errors.KafkaError as error:
            raise DeliveryError(f"outputs to {', '.join(sorted({t for t, _ in targets}))}: {error!r}") from error

    async def _partition(self, output: Output, cause: int) -> int:
        topic, key = output.topic, output.key
        try:
            number = None if key is None else topic.partition_of(key, self._partitions)
        except ValueError:  # it comes from outside and is no key of ours: it stays where it came from
            return cause
        if number is None and topic.keyed is Keyed.HASH and key is not None:
            return int(murmur2(key) & 0x7FFFFFFF) % len(await self._producer.partitions_for(topic.name))
        return cause if number is None else number

    async def append(
        self, topic: Topic, partition: int, changes: Sequence[tuple[bytes, bytes | None]], header: tuple[str, bytes]
    ) -> list[Written]:
        """Delivers changelog records, with the same header each, and says where they are. Raises DeliveryError."""
        items = [Output(topic, key, value, (header,)) for key, value in changes]
        try:
            sent = await self._send_batches(topic.name, partition, items)
            metadata = await asyncio.gather(*(future for future, _ in sent))
        except aiokafka.errors.KafkaError as error:
            raise DeliveryError(f"changelog {topic.name}[{partition}]: {error!r}") from error
        return [Written(found.offset, count) for found, (_, count) in zip(metadata, sent, strict=True)]

    async def _send_batches(
        self, topic: str, partition: int, items: Sequence[Output]
    ) -> list[tuple[asyncio.Future[aiokafka.structs.RecordMetadata], int]]:
        sent = []
        builder, count = self._producer.create_batch(), 0
        for item in items:
            if not _append(builder, item):
                sent.append((await self._send_batch(topic, partition, builder), count))
                builder, count = self._producer.create_batch(), 0
                if not _append(builder, item):
                    raise DeliveryError(f"record for {topic}[{partition}] is larger than {MAX_BATCH_BYTES} bytes")
            count += 1
        sent.append((await self._send_batch(topic, partition, builder), count))
        return sent

    async def _send_batch(
        self, topic: str, partition: int, builder: BatchBuilder
    ) -> asyncio.Future[aiokafka.structs.RecordMetadata]:
        # Lanes that write to one partition take turns. aiokafka lets them race for its one free place, and counts a
        # loser's time from the beginning at every try: in a crowd, its 30 s are over within two or three.
        async with self._turns[topic, partition]:
            sent: asyncio.Future[aiokafka.structs.RecordMetadata] = await self._producer.send_batch(
                builder, topic, partition=partition
            )
            return sent


def _append(builder: BatchBuilder, item: Output) -> bool:
    headers: Headers = item.headers
    return builder.append(key=item.key, value=item.value, timestamp=None, headers=list(headers)) is not None
