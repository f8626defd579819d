"""Pauses: systems that somebody wants not to be called for a while, as they stand on a compacted topic."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping

import msgspec
import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from schemas.codec import Codec, UndecodableRecord
from schemas.messages import SYSTEM_PAUSE
from streams.ground.kafka import client_config
from streams.ground.settings import Settings
from streams.processors.call import PAUSES

POLL_S = 0.5
FIRST_READING_S = 3.0  # then it goes on without; what is read later counts from then on

log = structlog.get_logger()


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """The last word about one system."""

    connection: str
    paused: bool
    until_ms: int | None
    why: str
    actor: str
    at_ms: int

    def seconds_left(self, now_s: float) -> float:
        """How long the pause lasts from now on; 0 where there is none (any more), infinity where nobody said."""
        if not self.paused:
            return 0.0
        return float("inf") if self.until_ms is None else max(0.0, self.until_ms / 1_000 - now_s)


class Pauses:
    """What is known of pauses; may be asked from any thread."""

    def __init__(self) -> None:
        self._latest: dict[str, Pause] = {}

    def learn(self, pause: Pause) -> None:
        """Somebody has paused a system, or resumed it."""
        self._latest[pause.connection] = pause

    def of(self, connection: str) -> Pause | None:
        """The pause that a system, by its folded name, is in now."""
        found = self._latest.get(connection)
        return found if found is not None and found.seconds_left(time.time()) else None

    def all(self) -> Mapping[str, Pause]:
        """All that last now, by connection."""
        return {name: pause for name in list(self._latest) if (pause := self.of(name)) is not None}

    def said(self) -> list[Pause]:
        """The last word about each system, also where it is called again."""
        return list(self._latest.values())

    def seconds_left(self, connection: str) -> float:
        """How long a system is not to be called; 0: it may be."""
        found = self._latest.get(connection) if self._latest else None
        return 0.0 if found is None else found.seconds_left(time.time())


class PauseFeed(Pauses):
    """Pauses as they stand on the topic, read from its beginning and followed from then on."""

    def __init__(self, settings: Settings, codec: Codec) -> None:
        super().__init__()
        self._settings = settings
        self._codec = codec
        self._stopping = threading.Event()
        self._caught_up = asyncio.Event()
        self._reader: threading.Thread | None = None

    async def start(self) -> None:
        """Returns once everything said so far is known, or it takes too long. Without a Kafka there is nothing said."""
        if not self._settings.bootstrap:
            return
        reading = (asyncio.get_running_loop(),)
        self._reader = threading.Thread(target=self._read, args=reading, name="pauses", daemon=True)
        self._reader.start()
        try:
            async with asyncio.timeout(FIRST_READING_S):
                await self._caught_up.wait()
        except TimeoutError:
            log.warning("pauses not read yet", topic=PAUSES.name)

    async def close(self) -> None:
        """Stops following."""
        self._stopping.set()
        if self._reader is not None:
            await asyncio.to_thread(self._reader.join)

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        config = {
            "group.id": f"{self._settings.group_prefix}-pauses",  # the client wants a name; nothing is committed
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 5_000,
        }
        consumer = Consumer(client_config(self._settings) | config)
        consumer.assign([TopicPartition(PAUSES.name, 0, OFFSET_BEGINNING)])
        try:
            end = _end(consumer)
            if end == 0:
                loop.call_soon_threadsafe(self._caught_up.set)
            while not self._stopping.is_set():
                message = consumer.poll(POLL_S)
                if message is None:
                    continue
                error = message.error()
                if error is None:
                    asyncio.run_coroutine_threadsafe(self._take_in(message.value()), loop)
                    if end is not None and (message.offset() or 0) + 1 >= end:
                        loop.call_soon_threadsafe(self._caught_up.set)
                elif error.code() == KafkaError._PARTITION_EOF:
                    loop.call_soon_threadsafe(self._caught_up.set)
        except RuntimeError:
            return  # the loop has ended
        finally:
            consumer.close()

    async def _take_in(self, value: bytes | None) -> None:
        try:
            name, data = await self._codec.decode_learning(value or b"")
        except UndecodableRecord as error:
            log.error("pause unreadable", reason=str(error))
            return
        if name == SYSTEM_PAUSE:
            self.learn(msgspec.convert(data, Pause))


def _end(consumer: Consumer) -> int | None:
    """Where the topic ends, None where nobody says so. A fetch would not tell before its longest wait is over."""
    try:
        first, end = consumer.get_watermark_offsets(TopicPartition(PAUSES.name, 0), timeout=FIRST_READING_S)
    except KafkaException:
        return None  # away; it will be read later
    return 0 if first == end else int(end)
