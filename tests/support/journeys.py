"""The journey in one process: the real processors on topics in memory, a real gateway, and what the view would see.

For tests of what goes on between engine, step processors and people, where no crash is the matter.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from schemas.codec import Codec
from schemas.ids import instance_id
from schemas.messages import START_INSTANCE
from schemas.payload import Payload
from streams.definitions import outcome_topic
from streams.definitions.deploy import described
from streams.ground.publish import Outgoing
from streams.ground.settings import Settings
from streams.language.graph import Graph
from streams.processors import ALL
from streams.processors.orchestrate import INBOX
from streams.processors.view import DECLARATION as VIEW
from streams.runtime.clock import now_ms
from streams.runtime.declaration import loaded
from streams.runtime.memory import MemoryRuntime
from streams.runtime.processor import Output
from tests.support.contexts import context
from tests.support.data import payload
from tests.support.definitions import empty_book, load
from tests.support.gateways import AsyncGateway, Gateway
from tests.support.waiting import PATIENCE_S

HOSTED = ("orchestrate", "call", "human", "recover")


class Journey:
    """Processors that work, and what has become of their instances."""

    def __init__(self, settings: Settings, hosted: Sequence[str] = HOSTED) -> None:
        self.codec = Codec.offline()
        self.book = empty_book()
        made_with = context(self.codec, settings, self.book)
        self.site = made_with.site
        processors = [loaded(each.make)(made_with) for each in ALL if each.name in hosted]
        self.runtime = MemoryRuntime(processors, settings, self.codec)
        self.gateway: Gateway
        self.outcomes: dict[str, dict[str, Any]] = {}
        self._seen = asyncio.Event()
        for topic in VIEW.reads:
            self.runtime.watch(topic.name, self._view)

    def deploy(self, text: str) -> Graph:
        """A definition becomes known, to the engine and to the gateway."""
        graph = load(text)
        for book in (self.book, self.gateway.services.definitions):
            book.learn(described(graph, text, "test", now_ms()))
        self.runtime.watch(outcome_topic(graph.name).name, self._ended)
        return graph

    def start(self, graph: Graph, event_id: str = "1", data: Any = None) -> str:
        """An event starts an instance; gives its id."""
        instance = instance_id(graph.name, "/tests", event_id)
        fields: dict[str, Any] = {
            "instance_id": instance, "workflow": graph.name, "version": graph.version, "digest": graph.digest,
            "source": "/tests", "event_id": event_id, "event_type": "tests.begun", "business_key": f"K-{event_id}",
            "time_ms": now_ms(), "data": payload({} if data is None else data),
        }  # fmt: skip
        self.runtime.publish([Output(INBOX, instance.encode(), self.codec.encode(START_INSTANCE, fields))])
        return instance

    async def publish(self, records: Iterable[Outgoing]) -> None:
        """What the gateway writes."""
        self.runtime.publish([Output(each.topic, each.key, each.value, each.headers) for each in records])

    async def seen(self, wanted: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
        """Waits until the view shows it."""
        async with asyncio.timeout(patience_s):
            while not wanted():
                self._seen.clear()
                await self._seen.wait()

    async def status(self, instance: str, *wanted: str) -> str:
        """The status of an instance as soon as it is one of these."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                self._seen.clear()
                row = self.gateway.services.reader.instance(instance)
                if row is not None and row["status"] in wanted:
                    return str(row["status"])
                await self._seen.wait()

    async def outcome(self, instance: str) -> Mapping[str, Any]:
        """How an instance ended; waits for it."""
        await self.status(instance, "completed", "faulted", "cancelled")
        return self.outcomes[instance]

    def _view(self, output: Output) -> None:
        if output.value is not None:
            self.gateway.see(*self.codec.decode(output.value))
        self._seen.set()

    def _ended(self, output: Output) -> None:
        outcome = self.codec.decode(output.value or b"")[1]
        if isinstance(outcome["output"], Payload):
            outcome["output"] = outcome["output"].value()
        self.outcomes[outcome["instance_id"]] = outcome
        self._seen.set()


@asynccontextmanager
async def travelling(settings: Settings, hosted: Sequence[str] = HOSTED, **services: Any) -> AsyncIterator[Journey]:
    """A journey under way; a failure of a processor fails the test."""
    journey = Journey(settings, hosted)
    async with AsyncGateway(settings, publisher=journey, answer_timeout_s=PATIENCE_S, **services) as gateway:
        journey.gateway = gateway
        async with journey.runtime.running() as failed:
            yield journey
            if failed.done():
                failed.result()


UNDOING = """
document: {dsl: '1.0.3', namespace: tests, name: order, version: '1.0.0'}
do:
  - tell:
      emit: {event: {with: {type: tests.told.v1, data: '${ . }'}}}
      metadata: {compensate: {emit: {event: {with: {type: tests.taken-back.v1, data: '${ {of: .output.id} }'}}}}}
  - book: {call: http, with: {method: get, endpoint: {uri: connection://erp/orders}}}
"""


def undoing(folder: Path) -> AbstractAsyncContextManager[Journey]:
    """A journey that carries `UNDOING` out: a message that can be taken back, then a booking that has no connection."""
    return travelling(settings_in(folder), hosted=("orchestrate", "call", "emit", "recover"))


def settings_in(folder: Path) -> Settings:
    """Settings of a site that is empty but for what a test writes into it."""
    site = folder / "site"
    site.mkdir(exist_ok=True)
    return Settings(data_dir=folder / "data", site_dir=site)
