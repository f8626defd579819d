"""Follows a small topic of one partition: read from the beginning at the start, and kept up to date after.

One thread polls; what it reads is decoded and learnt on the event loop, so that nobody needs a lock.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition

from schemas.codec import Codec, UndecodableRecord
from streams.ground.errors import ConfigurationError, UnavailableError
from streams.ground.kafka import client_config, next_of
from streams.ground.settings import Settings
from streams.ground.topic import Topic

START_TIMEOUT_S = 30.0
POLL_S = 0.5
ASKED_POLL_S = 0.05  # while somebody waits
ASK_S = 5.0
ASK_AGAIN_S = 0.5  # where the topic is not there, or nobody answers
NEVER = -(2**62)
Learn = Callable[[Mapping[str, Any]], object]
LOST = (
    "{count} messages, all that {topic} holds, cannot be read: to the schema registry at {registry} their schemas are "
    "something else, as to one that lost its data. Bring its data back, or begin anew: exlify up --fresh."
)

log = structlog.get_logger()


class TopicFeed:
    """Hands every message of a topic of one partition to `learn`, in order, for as long as it is open."""

    def __init__(
        self,
        settings: Settings,
        codec: Codec,
        topic: Topic,
        message: str,
        learn: Learn,
        also: Mapping[str, Learn] | None = None,
    ) -> None:
        """`message` is the full name of the messages that are meant, `also` who learns others that stand there; any
        others are told of and passed over.
        """
        self._settings = settings
        self._codec = codec
        self._topic = topic
        self._learnt = {message: learn, **(also or {})}
        self._place = TopicPartition(topic.name, 0)
        self._group = {"group.id": f"{settings.group_prefix}-{message.rpartition('.')[2].lower()}"}
        self._values: asyncio.Queue[bytes | asyncio.Future[None]] = asyncio.Queue()
        self._wanted: queue.SimpleQueue[asyncio.Future[None]] = queue.SimpleQueue()  # of those who want it caught up
        self._waiting: list[tuple[asyncio.Future[None], int]] = []  # of the reader, with where the topic ended then
        self._ask_at = 0.0  # monotonic
        self._strange = 0  # messages that were not meant, while there has been nothing else
        self._stopping = threading.Event()
        self._reader: threading.Thread | None = None
        self._learner: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns once everything that stands on the topic is known; may be called by everybody who needs it.

        Raises UnavailableError if the topic cannot be read in time, ConfigurationError where the schema registry takes
        all that is on it for something else: to go on would be to read every topic wrongly.
        """
        if self._learner is None:
            self._learner = asyncio.create_task(self._learn_all())
            read = (asyncio.get_running_loop(),)
            self._reader = threading.Thread(target=self._read, args=read, name=self._topic.name, daemon=True)
            self._reader.start()
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await self.catch_up()
        except TimeoutError:
            raise UnavailableError(
                f"Topic {self._topic.name} at {self._settings.bootstrap} cannot be read. Is Kafka running?"
            ) from None
        if self._strange > 0 and self._settings.has_registry:
            registry = self._settings.registry_url
            raise ConfigurationError(LOST.format(count=self._strange, topic=self._topic.name, registry=registry))

    async def catch_up(self) -> None:
        """Returns once everything is known that was on the topic before; waits for as long as it cannot be read."""
        done = asyncio.get_running_loop().create_future()
        self._wanted.put(done)
        await done

    async def close(self) -> None:
        """Stops following."""
        self._stopping.set()
        if self._reader is not None:
            await asyncio.to_thread(self._reader.join)
        if self._learner is not None:
            self._learner.cancel()

    async def _learn_all(self) -> None:
        while True:
            value = await self._values.get()
            if isinstance(value, asyncio.Future):
                _resolve(value)
            else:
                await self._learn(value)

    async def _learn(self, value: bytes) -> None:
        try:
            name, data = await self._codec.decode_learning(value)
        except UndecodableRecord as error:
            log.error("message unreadable", topic=self._topic.name, reason=str(error))
            self._strange += 1
            return
        learn = self._learnt.get(name)
        if learn is None:
            log.error("message of another kind", topic=self._topic.name, found=name)
            self._strange += 1
            return
        self._strange = NEVER
        learn(data)

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        """Runs on its own thread; every value goes to the event loop, and behind it what `catch_up` waits for."""
        config = {**self._group, "enable.auto.commit": False, "fetch.wait.max.ms": 5_000}
        consumer = Consumer(client_config(self._settings) | config)
        consumer.assign([TopicPartition(self._topic.name, 0, OFFSET_BEGINNING)])
        try:
            while not self._stopping.is_set():
                message = next_of(consumer, ASKED_POLL_S if self._waiting or not self._wanted.empty() else POLL_S)
                value = None if message is None else self._value(message)
                if value is not None:
                    loop.call_soon_threadsafe(self._values.put_nowait, value)
                self._tell_caught_up(consumer, loop)
        finally:
            consumer.close()

    def _tell_caught_up(self, consumer: Consumer, loop: asyncio.AbstractEventLoop) -> None:
        """Lets those go on who have asked, behind everything that was on the topic when they did.

        Where that ends is asked once for all who came since: to ask for each message would cost more than reading it.
        """
        if not self._wanted.empty() and time.monotonic() >= self._ask_at:
            asked = [self._wanted.get() for _ in range(self._wanted.qsize())]
            end = self._end()
            if end is None:
                self._ask_at = time.monotonic() + ASK_AGAIN_S
                for each in asked:
                    self._wanted.put(each)
            else:
                self._waiting += [(each, end) for each in asked]
        if not self._waiting:
            return
        known = max(consumer.position([self._place])[0].offset, 0)
        for each, end in self._waiting:
            if known >= end:
                loop.call_soon_threadsafe(self._values.put_nowait, each)
        self._waiting = [(each, end) for each, end in self._waiting if known < end]

    def _end(self) -> int | None:
        """Where the topic ends; None if nobody answers. On a connection of its own: a fetch holds up the reader's."""
        consumer = Consumer(client_config(self._settings) | self._group)
        try:
            end: int = consumer.get_watermark_offsets(self._place, timeout=ASK_S)[1]
        except KafkaException as error:
            log.warning("topic not read", topic=self._topic.name, reason=error.args[0].str())
            return None
        finally:
            consumer.close()
        return end

    def _value(self, message: Message) -> bytes | None:
        """What a poll brought: a message, or nothing of use."""
        error = message.error()
        if error is None:
            return message.value()
        log.warning("topic not read", topic=self._topic.name, reason=error.str())
        return None


def _resolve(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)
