"""Who reads rows, and how far: the one partition of the topic of positions says both.

All processes that may read are one consumer group on it. Who is given the partition reads it to its end, and with that
knows how far each source is; the others wait. One that has lost it without knowing publishes nothing but what has the
same ids again.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import msgspec
import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas.payload import Json
from streams.ground.errors import UnavailableError
from streams.ground.kafka import client_config
from streams.ground.publish import Outgoing, Publishing
from streams.ground.settings import Settings
from streams.rows import POSITIONS

POLL_S = 0.5
ASK_S = 10.0
SESSION_MS = 10_000  # how long a reader that was killed is waited for

log = structlog.get_logger()


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """How far a source was read: the columns of its cursor, and how many rows that were."""

    cursor: dict[str, Json]
    rows: int = 0


class Positions(Protocol):
    """Where positions are kept: Kafka, or memory in a test."""

    def of(self, name: str) -> Position | None:
        """How far a source was read."""
        ...

    async def keep(self, name: str, position: Position) -> None:
        """Keeps it; raises UnavailableError."""
        ...


class KafkaPositions:
    """Positions on Kafka; `is_ours` while this process is the one that reads."""

    def __init__(self, settings: Settings, publisher: Publishing) -> None:
        self._config = client_config(settings) | {
            "group.id": f"{settings.group_prefix}-rows",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "session.timeout.ms": SESSION_MS,
        }
        self._publisher = publisher
        self._known: dict[str, Position] = {}
        self._stopping = threading.Event()
        self.is_ours = False

    def of(self, name: str) -> Position | None:
        """How far a source was read."""
        return self._known.get(name)

    async def keep(self, name: str, position: Position) -> None:
        """Keeps it; raises UnavailableError."""
        await self._publisher.publish([Outgoing(POSITIONS, name.encode(), msgspec.json.encode(position))])
        self._known[name] = position

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Takes part for as long as the context lasts."""
        loop = asyncio.get_running_loop()
        thread = threading.Thread(target=self._poll, args=(loop,), name=POSITIONS.name, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            await asyncio.to_thread(thread.join)

    def _poll(self, loop: asyncio.AbstractEventLoop) -> None:
        """On a thread of its own; what it learns is taken over on the event loop."""

        def given(consumer: Consumer, partitions: list[Any]) -> None:
            for each in partitions:
                each.offset = OFFSET_BEGINNING
            consumer.assign(partitions)

        def taken(*_: Any) -> None:
            loop.call_soon_threadsafe(self._turn, False)

        consumer = Consumer(self._config)
        consumer.subscribe([POSITIONS.name], on_assign=given, on_revoke=taken, on_lost=taken)
        try:
            while not self._stopping.is_set():
                try:
                    message = consumer.poll(POLL_S)
                except KafkaException as error:
                    log.warning("positions not read", reason=error.args[0].str())
                    continue
                if message is not None:
                    self._take(message, loop)
        finally:
            consumer.close()

    def _take(self, message: Message, loop: asyncio.AbstractEventLoop) -> None:
        error = message.error()
        if error is None:
            loop.call_soon_threadsafe(self._learn, message.key(), message.value())
        elif error.code() == KafkaError._PARTITION_EOF:
            loop.call_soon_threadsafe(self._turn, True)
        else:
            log.warning("positions not read", reason=error.str())

    def _turn(self, is_ours: bool) -> None:
        if is_ours != self.is_ours:
            log.info("rows are read here" if is_ours else "rows are read elsewhere")
        self.is_ours = is_ours

    def _learn(self, key: bytes | None, value: bytes | None) -> None:
        """What stands on the topic, in order; while the partition is ours that is what we have written."""
        if self.is_ours or key is None or value is None:
            return
        try:
            self._known[key.decode()] = msgspec.json.decode(value, type=Position)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.error("position unreadable", reason=type(error).__name__)


def known_positions(settings: Settings) -> dict[str, Position]:
    """How far all sources were read, by name, as it stands now; blocks. Raises UnavailableError."""
    found: dict[str, Position] = {}
    group = {"group.id": f"{settings.group_prefix}-rows-list"}
    config = {"enable.auto.commit": False, "enable.partition.eof": True}
    consumer = Consumer(client_config(settings) | group | config)
    try:
        consumer.assign([TopicPartition(POSITIONS.name, 0, OFFSET_BEGINNING)])
        while (message := consumer.poll(ASK_S)) is not None:
            error = message.error()
            if error is not None and error.code() == KafkaError._PARTITION_EOF:
                return found
            if error is not None:
                raise UnavailableError(f"Topic {POSITIONS.name} cannot be read ({error.str()}). Is Kafka running?")
            key, value = message.key(), message.value()
            if key is not None and value is not None:
                found[key.decode()] = msgspec.json.decode(value, type=Position)
    finally:
        consumer.close()
    raise UnavailableError(f"Topic {POSITIONS.name} at {settings.bootstrap} cannot be read. Is Kafka running?")
