"""A case for every connector: a real system in test size, calls that succeed, and one to where nobody answers.

To add a connector, write what opens its system and put it into `CASES`.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from connectors.asyncapi.document import read as read_async_document
from connectors.catalogue import CONNECTORS
from connectors.http.openapi import read as read_document
from connectors.hub.connections import ApiOf, undocumented
from connectors.hub.contract import HubCall
from connectors.hub.identity import Identity, IdentityOf, Webhook, nobody
from tests.support import mailboxes, notebook, peers, queues
from tests.support import sftp as sftp_server

PETS = read_document({"openapi": "3.1.0", "paths": {"/pet": {"get": {"operationId": "getPet"}}}})
ORDERS = read_async_document(
    {
        "asyncapi": "3.0.0",
        "channels": {"orders": {"address": "orders"}},
        "operations": {"order": {"action": "receive", "channel": {"$ref": "#/channels/orders"}}},
    }
)
ALL = (*CONNECTORS, notebook.DECLARATION)


@dataclass
class Case:
    """A system that works and one that cannot be reached, with calls for both."""

    connections: Mapping[str, str]
    calls: Mapping[str, tuple[HubCall, ...]]  # by operation: calls that succeed, all on one connection
    hopeless: HubCall  # to where nobody answers; one that would change something, if there is such a call
    api_of: ApiOf = undocumented
    identity_of: IdentityOf = nobody


class Latest(list[Any]):
    """The last that a peer has seen: what it remembers is nothing that a connector holds."""

    def append(self, value: Any) -> None:
        super().append(value)
        del self[:-100]


def a_call(function: str, **arguments: Any) -> HubCall:
    return HubCall(function=function, arguments=arguments, key="k")


@asynccontextmanager
async def http(folder: Path) -> AsyncIterator[Case]:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        peer.requests = Latest()
        working = tuple(a_call("http", method=each, endpoint="connection://pets") for each in ("GET", "PUT", "POST"))
        nowhere = f"http://127.0.0.1:{peers.unused_port()}"
        named = {"document": {"endpoint": "connection://pets"}, "operationId": "getPet"}
        calls = {"http": working, "openapi": (a_call("openapi", **named),)}
        yield Case({"pets": peer.url}, calls, a_call("http", method="POST", endpoint=nowhere), api_of=lambda _: PETS)


@asynccontextmanager
async def sql(folder: Path) -> AsyncIterator[Case]:
    with closing(sqlite3.connect(folder / "db.sqlite")) as file, file:
        file.execute("CREATE TABLE t (a, step_id TEXT UNIQUE)")
    urls = {"here": f"sqlite:///{folder}/db.sqlite", "nowhere": f"sqlite:///{folder}/no/db.sqlite"}
    insert = "INSERT INTO t (a) VALUES (1)"
    calls = {
        "sql.query": (a_call("sql.query", connection="here", statement="SELECT a FROM t LIMIT 9"),),
        "sql.execute": (a_call("sql.execute", connection="here", statement=insert),),
        "sql.insert": (a_call("sql.insert", connection="here", table="t", values={"a": 1}),),
    }
    yield Case(urls, calls, a_call("sql.execute", connection="nowhere", statement=insert))


@asynccontextmanager
async def mail(folder: Path) -> AsyncIterator[Case]:
    said = {"from": "a@example.com", "to": ["b@example.com"], "subject": "Order", "text": "Thanks."}
    async with mailboxes.mailbox() as box:
        box.mails, box.recipients = Latest(), Latest()
        urls = {"here": box.url, "nowhere": f"smtp://127.0.0.1:{peers.unused_port()}"}
        calls = {name: a_call("mail.send", connection=name, **said) for name in urls}
        yield Case(urls, {"mail.send": (calls["here"],)}, calls["nowhere"])


@asynccontextmanager
async def file(folder: Path) -> AsyncIterator[Case]:
    (folder / "there").mkdir()
    (folder / "there" / "rates.csv").write_text("EUR,1\n")
    urls = {"here": f"file://{folder}/there", "nowhere": f"file://{folder}/no"}
    written = {name: a_call("file.write", connection=name, file="a.txt", content="Thanks.") for name in urls}
    records = a_call("file.read", connection="here", file="rates.csv", format={"type": "csv", "columns": ["a", "b"]})
    calls = {
        "file.write": (
            written["here"],
            a_call(
                "file.write",
                connection="here",
                file="b.csv",
                content=[{"a": "1"}],
                format={"type": "csv", "header": True},
            ),
        ),
        "file.read": (a_call("file.read", connection="here", file="rates.csv"), records),
    }
    yield Case(urls, calls, written["nowhere"])


@asynccontextmanager
async def webhook(folder: Path) -> AsyncIterator[Case]:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        peer.requests = Latest()
        urls = {"here": peer.url, "nowhere": f"http://127.0.0.1:{peers.unused_port()}"}
        calls = {name: a_call("webhook.send", connection=name, body={"type": "order.shipped"}) for name in urls}
        signed = Identity(Webhook((b"a secret of both sides",)))
        yield Case(urls, {"webhook.send": (calls["here"],)}, calls["nowhere"], identity_of=lambda _: signed)


@asynccontextmanager
async def sftp(folder: Path) -> AsyncIterator[Case]:
    (folder / "there").mkdir()
    (folder / "there" / "rates.csv").write_text("EUR,1\n")
    (folder / "there" / "old.csv").write_text("EUR,1\n")
    with sftp_server.running() as server:
        nowhere = f"sftp://exlify@127.0.0.1:{peers.unused_port()}{folder}"
        urls = {"here": server.url(folder / "there"), "nowhere": nowhere}
        written = {name: a_call("sftp.put", connection=name, file="a.txt", content="Thanks.") for name in urls}
        csv = {"type": "csv", "header": True}
        here = {"connection": "here"}
        calls = {
            "sftp.put": (
                written["here"],
                a_call("sftp.put", **here, file="b.csv", content=[{"a": "1"}], format=csv, replace=False),
            ),
            "sftp.get": (
                a_call("sftp.get", **here, file="rates.csv"),
                a_call("sftp.get", **here, file="rates.csv", format={"type": "csv", "columns": ["a", "b"]}),
            ),
            "sftp.list": (a_call("sftp.list", **here), a_call("sftp.list", **here, match="*.csv")),
            "sftp.move": (a_call("sftp.move", **here, file="old.csv", to="archive/old.csv"),),
        }
        yield Case(urls, calls, written["nowhere"], identity_of=lambda _: server.identity)


@asynccontextmanager
async def kafka(folder: Path) -> AsyncIterator[Case]:
    """The client library brings a cluster in test size: a real protocol, and topics that come when asked for."""
    peer = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 1, "log_level": 0})
    (broker,) = peer.list_topics("orders", timeout=10.0).brokers.values()
    urls = {
        "here": f"kafka://{broker.host}:{broker.port}",
        "nowhere": f"kafka://127.0.0.1:{peers.unused_port()}",
    }
    message = {"topic": "orders", "key": "A-17", "value": {"order": "A-17"}}
    event = {"source": "/exlify/orders", "type": "com.example.order.placed"}
    plain = {name: a_call("kafka.publish", connection=name, **message) for name in urls}
    calls = {
        "kafka.publish": (
            plain["here"],
            a_call("kafka.publish", connection="here", **message, event=event),
            a_call("kafka.publish", connection="here", **message, event=event, mode="STRUCTURED"),
        ),
        "kafka.topics": (a_call("kafka.topics", connection="here", match="ord*"),),
    }
    yield Case(urls, calls, plain["nowhere"])
    await asyncio.to_thread(peer.close)


@asynccontextmanager
async def amqp(folder: Path) -> AsyncIterator[Case]:
    async with queues.queues() as peer:
        peer.most = 100
        urls = {"here": peer.url, "nowhere": f"amqp://127.0.0.1:{peers.unused_port()}"}
        message = {"key": "orders", "value": {"order": "A-17"}}
        plain = {name: a_call("amqp.publish", connection=name, **message) for name in urls}
        event = {"source": "/exlify/orders", "type": "com.example.order.placed"}
        calls = {
            "amqp.publish": (plain["here"], a_call("amqp.publish", connection="here", **message, event=event)),
            "amqp.queue": (a_call("amqp.queue", connection="here", queue="orders"),),
        }
        yield Case(urls, calls, plain["nowhere"])


@asynccontextmanager
async def asyncapi(folder: Path) -> AsyncIterator[Case]:
    """By whatever protocol: queues are the smallest of the peers."""
    async with queues.queues() as peer:
        peer.most = 100
        urls = {"here": peer.url, "nowhere": f"amqp://127.0.0.1:{peers.unused_port()}"}
        given = {"operation": "order", "message": {"payload": {"order": "A-17"}}}
        calls = {name: a_call("asyncapi", document={"endpoint": f"connection://{name}"}, **given) for name in urls}
        yield Case(urls, {"asyncapi": (calls["here"],)}, calls["nowhere"], api_of=lambda _: ORDERS)


@asynccontextmanager
async def notes(folder: Path) -> AsyncIterator[Case]:
    urls = {"here": f"{folder}/notes", "nowhere": f"{folder}/no/notes"}
    calls = {name: a_call("notebook.append", connection=name, line="Ada was here") for name in urls}
    yield Case(urls, {"notebook.append": (calls["here"],)}, calls["nowhere"])


CASES: Mapping[str, Callable[[Path], AbstractAsyncContextManager[Case]]] = {
    "http": http,
    "sql": sql,
    "mail": mail,
    "file": file,
    "webhook": webhook,
    "sftp": sftp,
    "kafka": kafka,
    "amqp": amqp,
    "asyncapi": asyncapi,
    "notebook": notes,
}
