"""Definitions at run time: deployed to a compacted topic, followed by every process that needs them.

`deploy` checks a definition, makes the topic of its outcomes and publishes it under its digest, for ever. A
`DefinitionFeed` reads the whole topic at its start, then follows it, and compiles each digest once. The version that
starts new instances of a workflow is the one deployed last, so deploying an old file again is how to go back. A
definition that no longer compiles is told, and holds up nobody.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from schemas.codec import Codec, UndecodableRecord
from schemas.messages import WORKFLOW_DEFINITION
from streams import language as definition
from streams.ground import metrics, topics
from streams.ground.errors import UnavailableError
from streams.ground.kafka import client_config
from streams.ground.publish import Outgoing, Publishing
from streams.ground.settings import Settings
from streams.language import DefinitionError
from streams.language.graph import Graph

START_TIMEOUT_S = 30.0
POLL_S = 0.5
_CAUGHT_UP = b""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Deployed:
    """A definition as it stands on the topic.

    `graph` is None where it does not compile any more, then `fault` says why.
    """

    digest: str
    name: str
    version: str
    namespace: str
    yaml: str
    event_types: tuple[str, ...]
    deployed_at_ms: int
    deployed_by: str
    graph: Graph | None = None
    fault: str | None = None


class DefinitionBook:
    """The definitions known so far; knows no Kafka."""

    def __init__(self) -> None:
        self._by_digest: dict[str, Deployed] = {}
        self._latest: dict[str, Deployed] = {}
        self._by_event: dict[str, list[Graph]] = {}
        self._changed = asyncio.Event()

    def learn(self, data: Mapping[str, Any]) -> Deployed:
        """Takes note of a WorkflowDefinition; the one learnt last is the latest of its workflow."""
        known = self._by_digest.get(data["digest"])
        graph, fault = (known.graph, known.fault) if known else _compiled(data)
        fields = {**data, "event_types": tuple(data["event_types"]), "graph": graph, "fault": fault}
        deployed = self._by_digest[data["digest"]] = Deployed(**fields)
        if graph is not None:
            self._latest[deployed.name] = deployed
        self._by_event = _by_event(self._latest)
        _count(self._by_digest)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        return deployed

    def graph(self, digest: str) -> Graph | None:
        """The graph of a digest; None if it is not known or does not compile."""
        found = self._by_digest.get(digest)
        return found.graph if found else None

    def latest(self, name: str) -> Graph | None:
        """The graph that new instances of a workflow start on."""
        found = self._latest.get(name)
        return found.graph if found else None

    def for_event(self, ce_type: str) -> list[Graph]:
        """The latest graphs of the workflows that an event of this type may start.

        Filters are for the caller to apply.
        """
        return self._by_event.get(ce_type, [])

    def started_by(self, attributes: Mapping[str, str]) -> list[Graph]:
        """The graphs that an event with these CloudEvents attributes starts: one of their filters fits entirely."""
        return [graph for graph in self.for_event(attributes["type"]) if _matches(graph, attributes)]

    def deployed(self) -> list[Deployed]:
        """Everything known, in the order in which it was learnt first."""
        return list(self._by_digest.values())

    def find(self, name_or_digest: str) -> Deployed | None:
        """The definition with a digest, or the latest of a name."""
        return self._by_digest.get(name_or_digest) or self._latest.get(name_or_digest)

    async def wait_for(self, digest: str, timeout_s: float) -> Graph | None:
        """The graph of a digest as soon as it is known; None if the time passes or it does not compile."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.find(digest) is None:
                    await self._changed.wait()
        except TimeoutError:
            return None
        return self.graph(digest)


class DefinitionFeed(DefinitionBook):
    """A book that follows the topic. One per process, shared by all that need it."""

    def __init__(self, settings: Settings, codec: Codec) -> None:
        super().__init__()
        self._settings = settings
        self._codec = codec
        self._values: asyncio.Queue[bytes] = asyncio.Queue()
        self._caught_up = asyncio.Event()
        self._stopping = threading.Event()
        self._reader: threading.Thread | None = None
        self._learner: asyncio.Task[None] | None = None
        self._callbacks: list[Callable[[Deployed], None]] = []

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
                await self._caught_up.wait()
        except TimeoutError:
            raise UnavailableError(
                f"Topic {topics.DEFINITION} at {self._settings.bootstrap} cannot be read. Is Kafka running?"
            ) from None

    async def close(self) -> None:
        """Stops following."""
        self._stopping.set()
        if self._reader is not None:
            await asyncio.to_thread(self._reader.join)
        if self._learner is not None:
            self._learner.cancel()

    def on_change(self, callback: Callable[[Deployed], None]) -> None:
        """Calls `callback` for every definition learnt from now on."""
        self._callbacks.append(callback)

    async def _learn_all(self) -> None:
        while True:
            value = await self._values.get()
            if value == _CAUGHT_UP:
                self._caught_up.set()
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
        deployed = self.learn(data)
        for callback in self._callbacks:
            callback(deployed)

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        """Runs on its own thread; every value, and once the news of having caught up, goes to the event loop."""
        config = {
            "group.id": f"{self._settings.group_prefix}-definitions",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 5_000,
        }
        consumer = Consumer(client_config(self._settings) | config)
        consumer.assign([TopicPartition(topics.DEFINITION, 0, OFFSET_BEGINNING)])
        try:
            while not self._stopping.is_set():
                message = consumer.poll(POLL_S)
                value = None if message is None else _value(message)
                if value is not None:
                    loop.call_soon_threadsafe(self._values.put_nowait, value)
        finally:
            consumer.close()


def _value(message: Message) -> bytes | None:
    """What a poll brought: a definition, the news that the end is reached, or nothing of use."""
    error = message.error()
    if error is None:
        return message.value()
    if error.code() == KafkaError._PARTITION_EOF:
        return _CAUGHT_UP
    log.warning("definitions not read", reason=error.str())
    return None


async def deploy(
    publisher: Publishing, codec: Codec, settings: Settings, yaml: str, *, by: str, file: str = definition.UNNAMED
) -> Graph:
    """Publishes a definition and gives its graph; from its acknowledgement on, every worker may start instances of it.

    Raises DefinitionError with every fault, UnavailableError if Kafka does not answer. Deploying the same text again
    is harmless.
    """
    graph = await asyncio.to_thread(definition.load, yaml, file)
    await topics.provision(settings.bootstrap, settings, (topics.outcome(graph.name),))
    value = codec.encode(WORKFLOW_DEFINITION, described(graph, yaml, by, time.time_ns() // 1_000_000))
    await publisher.publish([Outgoing(topics.DEFINITION, graph.digest.encode(), value, partition=0)])
    return graph


def described(graph: Graph, yaml: str, by: str, at_ms: int) -> dict[str, Any]:
    """The message WorkflowDefinition of a graph."""
    return {
        "digest": graph.digest,
        "name": graph.name,
        "version": graph.version,
        "namespace": graph.namespace,
        "yaml": yaml,
        "event_types": list(graph.event_types),
        "deployed_at_ms": at_ms,
        "deployed_by": by,
    }


def _compiled(data: Mapping[str, Any]) -> tuple[Graph | None, str | None]:
    try:
        graph = definition.load(data["yaml"])
    except DefinitionError as error:
        fault = str(error.faults[0])
    else:
        if graph.digest == data["digest"]:
            return graph, None
        fault = f"its digest is {graph.digest} now"
    log.error("definition broken", workflow=data["name"], digest=data["digest"], fault=fault)
    return None, fault


def _matches(graph: Graph, attributes: Mapping[str, str]) -> bool:
    return any(all(attributes.get(name) == wanted for name, wanted in each.items()) for each in graph.event_filters)


def _by_event(latest: Mapping[str, Deployed]) -> dict[str, list[Graph]]:
    index: dict[str, list[Graph]] = {}
    for deployed in latest.values():
        for event_type in dict.fromkeys(deployed.graph.event_types if deployed.graph else ()):
            index.setdefault(event_type, []).append(deployed.graph)  # type: ignore[arg-type]  # it has event types
    return index


def _count(known: Mapping[str, Deployed]) -> None:
    broken = sum(deployed.graph is None for deployed in known.values())
    metrics.DEFINITIONS.labels("usable").set(len(known) - broken)
    metrics.DEFINITIONS.labels("broken").set(broken)
