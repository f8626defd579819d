"""Station 1: a record is written once, and whoever asked for it learns when the brokers have it.

One idempotent librdkafka producer per process. Its delivery reports arrive on a thread of their own and resolve
asyncio futures, many in one go. A record that is not acknowledged in time is given up: the caller hears it and says it
again under the same event id, which every consumer recognises.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import NamedTuple, Protocol, Self

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streams.ground.errors import ExlifyError, UnavailableError
from streams.ground.kafka import client_config
from streams.ground.publish_settings import PublishSettings
from streams.ground.settings import Settings
from streams.ground.topic import Topic

POLL_S = 0.1  # a delivery report ends the poll at once; this only bounds how long closing takes
QUEUE_FULL_PAUSE_S = 0.01
FLUSH_S = 10.0
TRIES = 3  # to write a record that gets no place; one that was overtaken on a new partition has one at the second
BY_KEY = -1  # murmur2, as every Kafka client has it

log = structlog.get_logger()


class Outgoing(NamedTuple):
    """A record to be written. Its partition follows from its topic and its key."""

    topic: Topic
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]] = ()


class _Report(NamedTuple):
    """What the brokers say of a record."""

    future: asyncio.Future[bool]
    error: KafkaError | None
    placed: bool  # whether they say where it is


class Publishing(Protocol):
    """Whoever can write records: the real publisher, or a list in a test."""

    async def publish(self, records: Iterable[Outgoing]) -> None:
        """Returns once the brokers have acknowledged all records.

        Raises UnavailableError if they do not in time, RefusedRecordError if they never will. Some of the records may
        be written then.
        """
        ...


class RefusedRecordError(ExlifyError):
    """The brokers do not take the record: it is too large, or the topic is not there."""


class Publisher:
    """Writes to Kafka; use as an asynchronous context manager. Connects by itself, and again after every outage."""

    def __init__(self, settings: Settings, *, linger_ms: float = 0) -> None:
        self._settings = settings
        self._config = client_config(settings) | {
            "enable.idempotence": True,
            "acks": "all",
            "partitioner": "murmur2_random",
            "linger.ms": linger_ms,
            "compression.type": "lz4",
            "delivery.timeout.ms": settings.of(PublishSettings).timeout_ms,
            "message.max.bytes": 2 * 1_048_576,
            "queue.buffering.max.messages": 100_000,
        }
        self._stopping = threading.Event()
        self._reports: list[_Report] = []  # only touched on the poll thread

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._producer = Producer(self._config, logger=None)
        self._thread = threading.Thread(target=self._poll, name="publisher", daemon=True)
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._producer.flush, FLUSH_S)

    async def publish(self, records: Iterable[Outgoing]) -> None:
        """As `Publishing.publish`; the wait for each try is bounded by the setting `publish_timeout_ms`."""
        left = list(records)
        for _ in range(TRIES):
            futures = [await self._send(record) for record in left]
            answers = await asyncio.gather(*futures, return_exceptions=True)
            for answer in answers:
                if isinstance(answer, BaseException):
                    raise answer
            left = [record for record, placed in zip(left, answers, strict=True) if not placed]
            if not left:
                return
        raise UnavailableError(f"Kafka at {self._settings.bootstrap} does not say where a record is. Try again.")

    async def _send(self, record: Outgoing) -> asyncio.Future[bool]:
        """The future is whether the brokers have said where the record is.

        They do not say so of one that came too late: where the leader of a new partition refuses the first batch for
        a moment and takes those that are on their way behind it, the first one comes again, is taken for a duplicate by
        its sequence number, and librdkafka reports it as written. It never was, so it is written again, behind them.
        """
        future: asyncio.Future[bool] = self._loop.create_future()

        def report(error: KafkaError | None, message: Message) -> None:
            offset = message.offset()
            self._reports.append(_Report(future, error, offset is not None and offset >= 0))

        topic, key, value, headers = record
        number = topic.partition_of(key, self._settings.partitions)
        partition = BY_KEY if number is None else number
        while True:
            try:
                self._producer.produce(topic.name, value, key, partition, report, headers=list(headers))
                return future
            except BufferError:  # the queue is full: wait for reports to make room, as long as they would take at most
                await asyncio.sleep(QUEUE_FULL_PAUSE_S)
            except KafkaException as error:
                if error.args[0].code() == KafkaError._FATAL:  # this producer will never write again
                    log.error("publisher renewed", reason=error.args[0].str())
                    self._producer = Producer(self._config, logger=None)
                    continue
                future.set_exception(self._failure(error.args[0]))
                return future

    def _poll(self) -> None:
        while not self._stopping.is_set():
            self._producer.poll(POLL_S)
            if self._reports:
                reports, self._reports = self._reports, []
                self._loop.call_soon_threadsafe(self._settle, reports)

    def _settle(self, reports: list[_Report]) -> None:
        for future, error, placed in reports:
            if future.done():
                continue
            if error is None:
                future.set_result(placed)
            else:
                future.set_exception(self._failure(error))

    def _failure(self, error: KafkaError) -> ExlifyError:
        if error.code() in _REFUSALS:
            return RefusedRecordError(f"Kafka refuses the record: {error.str()}.")
        seconds = self._settings.of(PublishSettings).timeout_ms / 1000
        return UnavailableError(
            f"Kafka at {self._settings.bootstrap} has not acknowledged within {seconds:g} s ({error.str()}). Try again."
        )


_REFUSALS = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.INVALID_RECORD,
    }
)
