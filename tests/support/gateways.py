"""A gateway with everything real but Kafka: real HTTP, real SQLite, real schemas; published records go into a list.

Every answer that a test gets is held against the OpenAPI document, so the document cannot say something else than the
handlers do.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer
from jsonschema import Draft202012Validator

from connectors.webhook import DECLARATION as WEBHOOK
from schemas.codec import Codec
from schemas.functions import Function
from streams.definitions.deploy import described
from streams.gateway.hooks import BUILT_IN, Hook
from streams.gateway.openapi import document
from streams.gateway.server import ROUTES, Install, make_app
from streams.gateway.services import Services
from streams.ground.publish import Outgoing
from streams.ground.settings import Settings
from streams.ground.site import Site
from streams.processors import ALL
from streams.processors.call.connections import Addresses
from streams.processors.call.pauses import Pauses
from streams.processors.call.processor import hub_for
from streams.processors.call.reports import Seen
from streams.processors.view.reader import Reader
from streams.readmodel.database import open_database
from streams.readmodel.projection import Received, projections
from streams.readmodel.writer import Writer
from streams.runtime.groups import Position
from streams.runtime.reader import Partition
from tests.support.definitions import empty_book, load

CODEC = Codec.offline()
ROWS = projections(ALL)
NOW_S = 1_790_000_000
SECRETS = (b"new secret of the sender", b"old secret of the sender")
YAML = """
document: {dsl: 1.0.3, namespace: test, name: order, version: 1.0.0}
schedule:
  on: {one: {with: {type: com.example.order.v1}}}
do:
  - note: {set: {seen: true}}
"""


@dataclass
class Outbox:
    """Stands for Kafka: what was acknowledged, or why nothing is."""

    records: list[Outgoing] = field(default_factory=list)
    failure: Exception | None = None

    async def publish(self, records: Iterable[Outgoing]) -> None:
        if self.failure is not None:
            raise self.failure
        self.records.extend(records)

    def decoded(self) -> list[tuple[str, dict[str, Any]]]:
        return [CODEC.decode(record.value) for record in self.records]


@dataclass
class Gateway:
    """A running gateway and what surrounds it."""

    services: Services
    client: TestClient[Any, Any]
    outbox: Outbox
    writer: Writer

    async def ask(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        """Status and JSON of an answer, after it was held against the document."""
        async with self.client.request(method, path, **options) as response:
            await check_against_document(method, path, response)
            return response.status, await response.json(content_type=None)

    def see(self, name: str, data: dict[str, Any]) -> None:
        """The view has seen this message."""
        value = CODEC.encode(name, data)
        self.writer.write([Received(*CODEC.decode(value), value, CODEC.decode)])


@dataclass
class OwnOnes:
    """Stands for Kafka: own functions as they were announced, and the processors whose groups have members."""

    functions: dict[str, Function] = field(default_factory=dict)
    commands: dict[str, int] = field(default_factory=dict)  # that wait
    members: set[str] = field(default_factory=lambda: {each.name for each in ALL})

    async def announced(self) -> Mapping[str, Function]:
        return self.functions

    async def waiting(self, functions: Iterable[str]) -> Mapping[str, int]:
        return {name: self.commands.get(name, 0) for name in functions}

    async def hosted(self, processors: Iterable[str]) -> frozenset[str]:
        return frozenset(self.members.intersection(processors))


async def nowhere(settings: Settings, processors: Collection[str]) -> Mapping[str, Mapping[Partition, Position]]:
    """Stands for Kafka: nobody has read anything."""
    return {}


class AsyncGateway:
    """Starts and stops a gateway for a test that has settings of its own."""

    def __init__(self, settings: Settings, install: Install | None = None, **services: Any) -> None:
        self._settings = settings
        self._install = install
        self._services = services

    async def __aenter__(self) -> Gateway:
        engine = self._engine = open_database(self._settings, ROWS)
        book, outbox = empty_book(), Outbox()
        book.learn(described(load(YAML), YAML, "test", NOW_S * 1000))
        addresses, pauses = Addresses(self._settings, Site(self._settings.site_dir, {})), Pauses()
        self._hub = await hub_for(self._settings, addresses, pauses, only=(WEBHOOK,)).__aenter__()
        services = Services(
            settings=self._settings,
            codec=CODEC,
            publisher=outbox,
            definitions=book,
            reader=Reader(engine),
            own=OwnOnes(),
            hooks={name: Hook(name=name, secrets=SECRETS, **hook) for name, hook in BUILT_IN.items()},
            addresses=addresses,
            pauses=pauses,
            hub=self._hub,
            seen=Seen(),
            standing=nowhere,
            clock=lambda: NOW_S,
            answer_timeout_s=0.05,
        )
        services = replace(services, **self._services)
        self._client = TestClient(TestServer(make_app(services, self._install)))
        await self._client.start_server()
        return Gateway(services, self._client, outbox, Writer(engine, ROWS))

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()
        await self._hub.__aexit__()
        self._engine.dispose()


async def check_against_document(method: str, path: str, response: ClientResponse) -> None:
    """The operation declares the status, the media type and a schema that the body follows."""
    described_api = document(ROUTES)
    plain = path.partition("?")[0]
    found = [
        operations[method.lower()]
        for template, operations in described_api["paths"].items()
        if method.lower() in operations and re.fullmatch(re.sub(r"\{\w+\}", "[^?]+", template), plain)
    ]
    if not found:
        assert response.status in (401, 404, 405, 421), f"{method} {path} is not in the document"
        return
    declared = [each["responses"][str(response.status)] for each in found if str(response.status) in each["responses"]]
    assert declared, f"{method} {path}: {response.status} is not in the document"
    content = declared[0]["content"]
    assert response.content_type in content
    schema = {**content[response.content_type]["schema"], "components": described_api["components"]}
    Draft202012Validator(schema).validate(await response.json(content_type=None))
