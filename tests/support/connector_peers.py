"""Who every connector is driven against: the case of each, and the servers that others run, with the same deeds.

A connector may speak to several kinds of servers; each stands here once more. What only stands in for a server is not
taken where a real one is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiormq
import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from sqlalchemy import create_engine, text

from connectors.assembly import made
from connectors.declaration import Declaration
from connectors.hub.connections import Connections
from connectors.hub.pipeline import CallLimits, Hub
from connectors.hub.policy import Policy
from schemas.functions import EffectClass
from tests.support import peers, postgresql, rabbitmq
from tests.support.connector_cases import (
    ALL,
    CASES,
    DEEDS,
    INSERT,
    KEYED_INSERT,
    QUEUE,
    TOPIC,
    Case,
    Deed,
    at_cluster,
    at_queues,
    hopeless_insert,
    inserting,
    statements,
)
from tests.support.mariadb import MariaDb
from tests.support.tcp_faults import Proxy, proxied
from tests.support.waiting import PATIENCE_S

Opens = Callable[[Path, Any], AbstractAsyncContextManager[Case]]
"""The case of a connector, by a folder and the server that runs already."""


@dataclass(frozen=True, kw_only=True)
class Driven:
    """A connector at one kind of system."""

    name: str  # that a connection may have
    connector: Declaration
    opens: Opens
    deeds: tuple[Deed, ...]
    server: str = ""  # the fixture of the server, where it runs already
    stands_in: bool = False  # for a server that there is, too

    def opened(self, request: pytest.FixtureRequest, folder: Path) -> AbstractAsyncContextManager[Case]:
        """Its case."""
        return self.opens(folder, request.getfixturevalue(self.server) if self.server else None)

    def hub(self, case: Case, limits: CallLimits, here: str = "") -> Hub:
        """A hub with this connector alone. `here`: where its system is, if not where the case says."""
        urls = {**case.connections, "here": here or case.connections["here"]}
        known = Connections(urls, case.identity_of, case.api_of)
        return Hub({self.connector: made(self.connector, known, Policy())}, limits=limits)


def port_of(case: Case) -> int | None:
    """Where a system listens; None for one that is not spoken to over a network."""
    return urlsplit(case.connections["here"]).port


@asynccontextmanager
async def behind_proxy(case: Case) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy before the system, and the address of the connection that leads through it."""
    url, port = case.connections["here"], port_of(case)
    host = urlsplit(url).hostname
    assert host is not None and port is not None, "not over a network: put its name into LOCAL"
    async with proxied(host, port) as proxy:
        # A broker tells where it is; whoever hears it has to come back to the proxy.
        proxy.rewritten = host.encode() + port.to_bytes(4), host.encode() + proxy.port.to_bytes(4)
        yield proxy, url.replace(f":{port}", f":{proxy.port}")


@asynccontextmanager
async def on_postgresql(folder: Path, server: postgresql.Server) -> AsyncIterator[Case]:
    columns = "id serial PRIMARY KEY, a text, step_id text UNIQUE"
    async with _database(server.url, columns, f"postgresql+psycopg://exlify@127.0.0.1:{peers.unused_port()}/x") as case:
        yield case


@asynccontextmanager
async def on_mariadb(folder: Path, server: MariaDb) -> AsyncIterator[Case]:
    columns = "id int AUTO_INCREMENT PRIMARY KEY, a varchar(200), step_id varchar(200) UNIQUE"
    nowhere = server.url.replace(f":{server.port}", f":{peers.unused_port()}")
    async with _database(server.url, columns, nowhere) as case:
        case.calls = {name: calls for name, calls in case.calls.items() if name != "sql.insert"}  # which it has not
        case.secrets = ("pass@word", "pass%40word")
        yield case


@asynccontextmanager
async def _database(url: str, columns: str, nowhere: str) -> AsyncIterator[Case]:
    engine = create_engine(url)

    def run(*those: str) -> None:
        with engine.begin() as connection:
            for each in those:
                connection.execute(text(each))

    def known(mark: str) -> Sequence[str]:
        with engine.connect() as connection:
            return [str(id_) for (id_,) in connection.execute(text("SELECT id FROM t WHERE a = :mark"), {"mark": mark})]

    async def has(mark: str) -> Sequence[str]:
        return await asyncio.to_thread(known, mark)

    await asyncio.to_thread(run, "DROP TABLE IF EXISTS t", f"CREATE TABLE t ({columns})")
    try:
        yield Case({"here": url, "nowhere": nowhere}, statements(), hopeless_insert(), has=has)
    finally:
        await asyncio.to_thread(run, "DROP TABLE t")
        engine.dispose()


@asynccontextmanager
async def at_broker(folder: Path, servers: str) -> AsyncIterator[Case]:
    admin = AdminClient({"bootstrap.servers": servers})
    try:
        await asyncio.to_thread(admin.create_topics([NewTopic(TOPIC, 2, 1)])[TOPIC].result, PATIENCE_S)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise
    yield at_cluster(servers)


@asynccontextmanager
async def at_rabbitmq(folder: Path, server: rabbitmq.RabbitMq) -> AsyncIterator[Case]:
    async def has(mark: str) -> Sequence[str]:
        """All are taken, and given back when the connection ends."""
        found = []
        async with aiormq.connect(server.url) as looking:
            channel = await looking.channel()
            while (message := await channel.basic_get(QUEUE)).body or message.delivery_tag:
                if mark.encode() in message.body:
                    found.append(str(message.header.properties.message_id))
        return found

    async with aiormq.connect(server.url) as connection:
        channel = await connection.channel()
        await channel.queue_declare(QUEUE, durable=True, arguments={"x-max-length": 1_000})
        await channel.queue_purge(QUEUE)
        yield at_queues(server.url, has, rabbitmq.PASSWORD, rabbitmq.WRITTEN)


def _alone(name: str) -> Opens:
    return lambda folder, _: CASES[name](folder)


_BY_NAME = {each.name: each for each in ALL}
_MARIADB = (
    Deed(operation="sql.execute", effect=EffectClass.BLIND, given=inserting(INSERT)),
    Deed(
        operation="sql.execute",
        effect=EffectClass.KEYED,
        given=inserting(f"{KEYED_INSERT} ON DUPLICATE KEY UPDATE step_id = step_id"),
    ),
)
_SERVERS: Sequence[tuple[str, str, str, Opens, tuple[Deed, ...]]] = (
    ("postgresql", "sql", "postgresql", on_postgresql, DEEDS["sql"]),
    ("mariadb", "sql", "mariadb", on_mariadb, _MARIADB),
    ("broker", "kafka", "kafka", at_broker, DEEDS["kafka"]),
    ("rabbitmq", "amqp", "rabbitmq", at_rabbitmq, DEEDS["amqp"]),
)
STAND_INS = ("kafka", "amqp")

DRIVEN = (
    *(
        Driven(
            name=each.name,
            connector=each,
            opens=_alone(each.name),
            deeds=DEEDS.get(each.name, ()),
            stands_in=each.name in STAND_INS,
        )
        for each in ALL
    ),
    *(
        Driven(name=name, connector=_BY_NAME[connector], server=server, opens=opens, deeds=deeds)
        for name, connector, server, opens, deeds in _SERVERS
    ),
)
LOCAL = ("sql", "file", "notebook")  # files of this machine

REAL = tuple(each for each in DRIVEN if not each.stands_in)
NETWORKED = tuple(each for each in REAL if each.name not in LOCAL)
