"""The definitions deployed so far, as every process knows them: the compacted topic of definitions, read whole and then followed.

A definition is kept for ever under its digest, because instances stay on the one they started with. Which one is the latest of a
workflow is decided by the order of the log, so all processes agree.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from schemas.codec import Codec, UndecodableRecord, UnknownSchemaId
from streams import definition, metrics, topics
from streams.definition.graph import Graph
from streams.errors import UnavailableError
from streams.kafka import client_config
from streams.settings import Settings

LOAD_TIMEOUT_S = 30.0

log = structlog.get_logger()


class DefinitionFeed:
    """All definitions by digest, and the latest of every workflow. One per process, shared by its processors."""

    def __init__(self, settings: Settings, codec: Codec) -> None:
        self._settings = settings
        self._codec = codec
        self._graphs: dict[str, Graph] = {}
        self._latest: dict[str, Graph] = {}  # by workflow name
        self._for_event: dict[str, list[Graph]] = {}
        self._broken: set[str] = set()
        self._loaded: asyncio.Future[None] | None = None
        self._changed = asyncio.Event()

    async def start(self) -> None:
        """Returns once everything deployed so far is known; may be called by each who needs it. Raises UnavailableError."""
        if self._loaded is None:
            self._loaded = asyncio.get_running_loop().create_future()
            threading.Thread(target=self._follow, args=(asyncio.get_running_loop(),), name="definitions", daemon=True).start()
        try:
            await asyncio.wait_for(asyncio.shield(self._loaded), LOAD_TIMEOUT_S)
        except TimeoutError:
            raise UnavailableError(
                f"Kafka at {self._settings.bootstrap} does not give the topic {topics.DEFINITION}. Is it running, are its topics made?"
            ) from None

    def graph(self, digest: str) -> Graph | None:
        """The definition with this digest."""
        return self._graphs.get(digest)

    def latest(self, workflow: str) -> Graph | None:
        """The definition of this workflow that was deployed last."""
        return self._latest.get(workflow)

    def all(self) -> list[Graph]:
        """Every definition, in the order of deployment."""
        return list(self._graphs.values())

    def for_event(self, event_type: str) -> list[Graph]:
        """The latest definitions of the workflows that wait for events of this type."""
        return self._for_event.get(event_type, [])

    async def wait_for(self, digest: str, timeout_s: float) -> Graph | None:
        """The definition, as soon as it arrives; None if it does not in time."""
        try:
            async with asyncio.timeout(timeout_s):
                while digest not in self._graphs:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return None
        return self._graphs[digest]

    # --- the thread that reads the topic

    def _follow(self, loop: asyncio.AbstractEventLoop) -> None:
        consumer = Consumer(
            client_config(self._settings)
            | {"group.id": "definitions", "enable.auto.commit": False, "auto.offset.reset": "earliest", "fetch.wait.max.ms": 5_000}
        )
        partition = TopicPartition(topics.DEFINITION, 0, OFFSET_BEGINNING)
        end = consumer.get_watermark_offsets(partition, timeout=LOAD_TIMEOUT_S)[1]
        consumer.assign([partition])
        if end == 0:
            loop.call_soon_threadsafe(self._settle)
        while not loop.is_closed():
            record = consumer.poll(5.0)
            if record is None or record.error() is not None:
                continue
            loop.call_soon_threadsafe(self._take, record.value())
            if record.offset() + 1 == end:
                loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        if self._loaded is not None and not self._loaded.done():
            self._loaded.set_result(None)

    def _take(self, value: bytes | None) -> None:
        if value is None:
            return
        try:
            record = self._codec.decode(value)[1]
        except UnknownSchemaId as unknown:
            asyncio.get_running_loop().create_task(self._learn(unknown.schema_id, value))
            return
        except UndecodableRecord as error:
            log.error("definition unreadable", reason=str(error))
            return
        self.add(record["yaml"], record["digest"])

    async def _learn(self, schema_id: int, value: bytes) -> None:
        await self._codec.learn(schema_id)
        self._take(value)

    def add(self, yaml: str, digest: str) -> None:
        """Takes a definition in. One that does not compile any more is reported, and its instances wait for a version that can."""
        graph = self._graphs.pop(digest, None) or self._compile(yaml, digest)
        if graph is None:
            return
        self._graphs[digest] = graph
        self._latest[graph.name] = graph
        self._for_event = _by_event(self._latest.values())
        self._changed.set()
        metrics.DEFINITIONS.labels("usable").set(len(self._graphs))

    def _compile(self, yaml: str, digest: str) -> Graph | None:
        try:
            return definition.load(yaml, digest)
        except definition.DefinitionError as error:
            self._broken.add(digest)
            metrics.DEFINITIONS.labels("broken").set(len(self._broken))
            log.error("definition broken", digest=digest, reason=str(error))
            return None


def _by_event(graphs: Iterable[Graph]) -> dict[str, list[Graph]]:
    found: dict[str, list[Graph]] = {}
    for graph in graphs:
        for event_type in dict.fromkeys(graph.event_types):
            found.setdefault(event_type, []).append(graph)
    return found
