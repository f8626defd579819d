"""Follows the topic of definitions: a book that is read from the beginning at its start, and kept up to date after."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Mapping

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition

from schemas.codec import Codec, UndecodableRecord
from schemas.functions import Function
from schemas.messages import WORKFLOW_DEFINITION
from streams.definitions import DEFINITIONS
from streams.definitions.book import DefinitionBook
from streams.ground.errors import UnavailableError
from streams.ground.kafka import client_config
from streams.ground.settings import Settings

START_TIMEOUT_S = 30.0
POLL_S = 0.5
ASKED_POLL_S = 0.05  # while somebody waits
ASK_S = 5.0
PLACE = TopicPartition(DEFINITIONS.name, 0)

log = structlog.get_logger()


class DefinitionFeed(DefinitionBook):
    """A book that follows the topic. One per process, shared by all that need it."""

    def __init__(self, settings: Settings, codec: Codec, functions: Mapping[str, Function]) -> None:
        super().__init__(functions)
        self._settings = settings
        self._codec = codec
        self._values: asyncio.Queue[bytes | asyncio.Future[None]] = asyncio.Queue()
        self._wanted: queue.SimpleQueue[asyncio.Future[None]] = queue.SimpleQueue()  # of those who want it caught up
        self._stopping = threading.Event()
        self._reader: threading.Thread | None = None
        self._learner: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns once everything deployed so far is known; may be called by everybody who needs it.

        Raises UnavailableError if the topic cannot be read in time.
        """
        if self._learner is None:
            self._learner = asyncio.create_task(self._learn_all())
            read = (asyncio.get_running_loop(),)
            self._reader = threading.Thread(target=self._read, args=read, name="definitions", daemon=True)
            self._reader.start()
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await self.catch_up()
        except TimeoutError:
            raise UnavailableError(
                f"Topic {DEFINITIONS.name} at {self._settings.bootstrap} cannot be read. Is Kafka running?"
            ) from None

    async def catch_up(self) -> None:
        """See `DefinitionBook`; waits for as long as the topic cannot be read."""
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
            log.error("definition unreadable", reason=str(error))
            return
        if name != WORKFLOW_DEFINITION:
            log.error("no definition", found=name)
            return
        self.learn(data)

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        """Runs on its own thread; every value goes to the event loop, and behind it what `catch_up` waits for."""
        config = {
            "group.id": f"{self._settings.group_prefix}-definitions",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 5_000,
        }
        consumer = Consumer(client_config(self._settings) | config)
        consumer.assign([TopicPartition(DEFINITIONS.name, 0, OFFSET_BEGINNING)])
        try:
            while not self._stopping.is_set():
                message = consumer.poll(POLL_S if self._wanted.empty() else ASKED_POLL_S)
                value = None if message is None else _value(message)
                if value is not None:
                    loop.call_soon_threadsafe(self._values.put_nowait, value)
                self._tell_caught_up(consumer, loop)
        finally:
            consumer.close()

    def _tell_caught_up(self, consumer: Consumer, loop: asyncio.AbstractEventLoop) -> None:
        """Lets those go on who have asked, behind everything that was on the topic when they did."""
        wanted = [self._wanted.get() for _ in range(self._wanted.qsize())]
        if not wanted:
            return
        end = self._end()
        known = consumer.position([PLACE])[0].offset
        for each in wanted:
            if end is not None and max(known, 0) >= end:
                loop.call_soon_threadsafe(self._values.put_nowait, each)
            else:
                self._wanted.put(each)

    def _end(self) -> int | None:
        """Where the topic ends; None if nobody answers. On a connection of its own: a fetch holds up the reader's."""
        consumer = Consumer(client_config(self._settings) | {"group.id": f"{self._settings.group_prefix}-definitions"})
        try:
            end: int = consumer.get_watermark_offsets(PLACE, timeout=ASK_S)[1]
        except KafkaException as error:
            log.warning("definitions not read", reason=error.args[0].str())
            return None
        finally:
            consumer.close()
        return end


def _resolve(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


def _value(message: Message) -> bytes | None:
    """What a poll brought: a definition, or nothing of use."""
    error = message.error()
    if error is None:
        return message.value()
    log.warning("definitions not read", reason=error.str())
    return None
