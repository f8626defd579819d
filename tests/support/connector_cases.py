"""A case for every connector: a real system in test size, calls that succeed, and one to where nobody answers.

To add a connector, write what opens its system and put it into `CASES`. What it does to its system goes into `DEEDS`:
one for each operation that may change something, in each class of effect that it can have. The suites of `tests/hub/`
have each done while connections go wrong and workers are killed, and count in the ledger of the system what it came to.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from connectors.asyncapi.document import read as read_async_document
from connectors.catalogue import CONNECTORS
from connectors.http.openapi import read as read_document
from connectors.hub.connections import ApiOf, undocumented
from connectors.hub.contract import HubCall
from connectors.hub.identity import Identity, IdentityOf, Webhook, nobody
from schemas.functions import EffectClass
from tests.support import mailboxes, notebook, peers, queues
from tests.support import sftp as sftp_server
from tests.support.books import books
from tests.support.waiting import PATIENCE_S

ORDERS: dict[str, Any] = {
    "asyncapi": "3.0.0",
    "channels": {"orders": {"address": "hub-orders"}},
    "operations": {"order": {"action": "receive", "channel": {"$ref": "#/channels/orders"}}},
}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "paths": {
        "/pet": {"get": {"operationId": "getPet"}},
        "/books/{mark}": {
            "post": {
                "operationId": "addBook",
                "parameters": [{"name": "mark", "in": "path", "required": True, "schema": {"type": "string"}}],
            }
        },
    },
}
ALL = (*CONNECTORS, notebook.DECLARATION)
TOPIC = "hub-orders"
QUEUE = "hub-orders"
FILES = "http-files"  # the folder of bodies that are files
EVENT = {"source": "/exlify/orders", "type": "com.example.order.placed"}
HOOK_SECRET = b"a secret of both sides, and theirs"

Given = Callable[[str, str], dict[str, Any]]
"""Arguments, by the name of the connection and a mark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Something that is done to a system, in one class of effect; by its mark the ledger of the system tells it."""

    operation: str
    effect: EffectClass
    given: Given
    said: bool = False  # whether it is of this class only where the definition says so
    probe: tuple[str, Given] | None = None  # what asks whether it was done

    def call(self, connection: str, mark: str) -> HubCall:
        """The call that does it."""
        effect = self.effect if self.said else None
        return HubCall(function=self.operation, arguments=self.given(connection, mark), key=mark, effect=effect)


async def keeps_no_ledger(mark: str) -> Sequence[str]:
    """Of a system that nothing is done to."""
    return ()


def nothing(mark: str) -> None:
    """Nothing has to be there."""


@dataclass
class Case:
    """A system that works and one that cannot be reached, with calls for both."""

    connections: Mapping[str, str]  # `here`, that works, mostly `nowhere`, and what a call on these names beside
    calls: Mapping[str, tuple[HubCall, ...]]  # by operation: calls that succeed, all on one connection
    hopeless: HubCall  # to where nobody answers; one that would change something, if there is such a call
    api_of: ApiOf = undocumented
    identity_of: IdentityOf = nobody
    has: Callable[[str], Awaitable[Sequence[str]]] = keeps_no_ledger  # by its mark: what each deed is known by there
    lays_out: Callable[[str], None] = nothing  # what has to be there before a deed with this mark
    entry: Mapping[str, Any] | None = None  # what a site says of the connection beside its address
    files: Mapping[str, str] | None = None  # of the site that this refers to
    secrets: Sequence[str] = ()  # that nobody may be told


class Latest(list[Any]):
    """The last that a peer has seen: what it remembers is nothing that a connector holds."""

    def append(self, value: Any) -> None:
        super().append(value)
        del self[:-100]


def a_call(function: str, **arguments: Any) -> HubCall:
    return HubCall(function=function, arguments=arguments, key="k")


@asynccontextmanager
async def http(folder: Path) -> AsyncIterator[Case]:
    files = folder / "files"
    files.mkdir()
    (files / "import.json").write_text("{}")

    def lay_out(mark: str) -> None:
        (files / f"import-{mark}").write_text(mark)

    async with books() as system:
        working = (
            *(a_call("http", method=each, endpoint="connection://here") for each in ("GET", "PUT", "POST")),
            a_call("http", method="GET", endpoint="connection://here", save={"connection": FILES, "file": "a/export"}),
            a_call(
                "http", method="POST", endpoint="connection://here", send={"connection": FILES, "file": "import.json"}
            ),
        )
        nowhere = f"http://127.0.0.1:{peers.unused_port()}"
        named = {"document": {"endpoint": "connection://here"}, "operationId": "getPet"}
        calls = {"http": working, "openapi": (a_call("openapi", **named),)}
        api = read_document(DOCUMENT)
        yield Case(
            {"here": system.url, FILES: f"file://{files}"},
            calls,
            a_call("http", method="POST", endpoint=nowhere),
            api_of=lambda _: api,
            has=system.has,
            lays_out=lay_out,
            entry={"openapi": "${file:books.json}"},
            files={"books.json": json.dumps(DOCUMENT)},
        )


@asynccontextmanager
async def sql(folder: Path) -> AsyncIterator[Case]:
    with closing(sqlite3.connect(folder / "db.sqlite")) as file, file:
        file.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a, step_id TEXT UNIQUE)")
    urls = {"here": f"sqlite:///{folder}/db.sqlite", "nowhere": f"sqlite:///{folder}/no/db.sqlite"}

    async def has(mark: str) -> Sequence[str]:
        with closing(sqlite3.connect(folder / "db.sqlite", timeout=PATIENCE_S)) as file:
            return [str(id_) for (id_,) in file.execute("SELECT id FROM t WHERE a = ?", (mark,))]

    yield Case(urls, statements(), hopeless_insert(), has=has)


def statements() -> dict[str, tuple[HubCall, ...]]:
    """Calls on a database that has the table `t`."""
    insert = "INSERT INTO t (a) VALUES (1)"
    return {
        "sql.query": (a_call("sql.query", connection="here", statement="SELECT a FROM t LIMIT 9"),),
        "sql.execute": (a_call("sql.execute", connection="here", statement=insert),),
        "sql.insert": (a_call("sql.insert", connection="here", table="t", values={"a": 1}),),
    }


def hopeless_insert() -> HubCall:
    """Into a database that is not there."""
    return a_call("sql.execute", connection="nowhere", statement="INSERT INTO t (a) VALUES (1)")


@asynccontextmanager
async def mail(folder: Path) -> AsyncIterator[Case]:
    said = {"from": "a@example.com", "to": ["b@example.com"], "subject": "Order", "text": "Thanks."}
    async with mailboxes.mailbox() as box:
        box.mails, box.recipients = Latest(), Latest()
        urls = {"here": box.url, "nowhere": f"smtp://127.0.0.1:{peers.unused_port()}"}
        calls = {name: a_call("mail.send", connection=name, **said) for name in urls}

        async def has(mark: str) -> Sequence[str]:
            return [str(each["Message-ID"]) for each in box.mails if each["Subject"] == mark]

        yield Case(urls, {"mail.send": (calls["here"],)}, calls["nowhere"], has=has)


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
    yield Case(urls, calls, written["nowhere"], has=files_in(folder / "there"))


def files_in(folder: Path) -> Callable[[str], Awaitable[Sequence[str]]]:
    """The ledger that a folder is: a file is there or not."""

    async def has(mark: str) -> Sequence[str]:
        return await asyncio.to_thread(_files_in, folder, mark)

    return has


def _files_in(folder: Path, mark: str) -> Sequence[str]:
    """Those of a mark, and drafts of them."""
    return [each.name for each in folder.rglob(f"*{mark}*") if each.name == mark or each.name.startswith(".")]


@asynccontextmanager
async def webhook(folder: Path) -> AsyncIterator[Case]:
    async with books() as system:
        urls = {"here": f"{system.url}/hooks", "nowhere": f"http://127.0.0.1:{peers.unused_port()}"}
        calls = {name: a_call("webhook.send", connection=name, body={"type": "order.shipped"}) for name in urls}
        signed = Identity(Webhook((HOOK_SECRET,)))
        yield Case(
            urls,
            {"webhook.send": (calls["here"],)},
            calls["nowhere"],
            identity_of=lambda _: signed,
            has=system.has,
            entry={"authentication": {"webhook": {"secret": "${file:hook-secret}"}}},
            files={"hook-secret": f"whsec_{base64.b64encode(HOOK_SECRET).decode()}"},
            secrets=(HOOK_SECRET.decode(), base64.b64encode(HOOK_SECRET).decode()),
        )


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
        there = folder / "there"

        def lay_out(mark: str) -> None:
            (there / f"from-{mark}").write_text(mark)

        yield Case(
            urls,
            calls,
            written["nowhere"],
            identity_of=lambda _: server.identity,
            has=files_in(there),
            lays_out=lay_out,
            entry={"ssh": {"hostKey": server.host_key, "key": "${file:sftp-key}"}},
            files={"sftp-key": server.key},
            secrets=server.key.splitlines()[1:-1],
        )


@asynccontextmanager
async def kafka(folder: Path) -> AsyncIterator[Case]:
    """The client library brings a cluster in test size: a real protocol, and topics that come when asked for."""
    peer = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 1, "log_level": 0})
    (broker,) = peer.list_topics(TOPIC, timeout=PATIENCE_S).brokers.values()
    yield at_cluster(f"{broker.host}:{broker.port}")
    await asyncio.to_thread(peer.close)


def at_cluster(servers: str) -> Case:
    """Of a cluster that has the topic."""
    urls = {"here": f"kafka://{servers}", "nowhere": f"kafka://127.0.0.1:{peers.unused_port()}"}
    message = {"topic": TOPIC, "key": "A-17", "value": {"order": "A-17"}}
    plain = {name: a_call("kafka.publish", connection=name, **message) for name in urls}
    calls = {
        "kafka.publish": (
            plain["here"],
            a_call("kafka.publish", connection="here", **message, event=EVENT),
            a_call("kafka.publish", connection="here", **message, event=EVENT, mode="STRUCTURED"),
        ),
        "kafka.topics": (a_call("kafka.topics", connection="here", match="hub-ord*"),),
    }

    async def has(mark: str) -> Sequence[str]:
        return await asyncio.to_thread(messages_on, servers, mark)

    return Case(urls, calls, plain["nowhere"], has=has)


def messages_on(servers: str, mark: str) -> Sequence[str]:
    """The ids of the messages in the topic that bear the mark."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "ledger", "enable.auto.commit": False})
    found = []
    try:
        for number in consumer.list_topics(TOPIC, timeout=PATIENCE_S).topics[TOPIC].partitions:
            begin, end = consumer.get_watermark_offsets(TopicPartition(TOPIC, number), timeout=PATIENCE_S)
            consumer.assign([TopicPartition(TOPIC, number, begin)])
            while begin < end:
                (message,) = consumer.consume(1, timeout=PATIENCE_S)
                begin = (message.offset() or 0) + 1
                if mark.encode() in (message.value() or b""):
                    headers: Any = dict(message.headers() or ())
                    found.append((headers.get("ce_id") or headers["idempotency-key"]).decode())
    finally:
        consumer.close()
    return found


@asynccontextmanager
async def amqp(folder: Path) -> AsyncIterator[Case]:
    async with queues.queues() as peer:
        peer.came, peer.most = {QUEUE: []}, 100

        async def has(mark: str) -> Sequence[str]:
            return [str(said.message_id) for said, content in peer.came[QUEUE] if mark.encode() in content]

        yield at_queues(peer.url, has, queues.PASSWORD)


def at_queues(url: str, has: Callable[[str], Awaitable[Sequence[str]]], *secrets: str) -> Case:
    """Of a server that has the queue."""
    urls = {"here": url, "nowhere": f"amqp://127.0.0.1:{peers.unused_port()}"}
    message = {"key": QUEUE, "value": {"order": "A-17"}}
    plain = {name: a_call("amqp.publish", connection=name, **message) for name in urls}
    calls = {
        "amqp.publish": (plain["here"], a_call("amqp.publish", connection="here", **message, event=EVENT)),
        "amqp.queue": (a_call("amqp.queue", connection="here", queue=QUEUE),),
    }
    return Case(urls, calls, plain["nowhere"], has=has, secrets=secrets)


@asynccontextmanager
async def asyncapi(folder: Path) -> AsyncIterator[Case]:
    """By whatever protocol: queues are the smallest of the peers."""
    async with amqp(folder) as case:
        calls = {name: a_call("asyncapi", **by_messages(name, "A-17")) for name in case.connections}
        api = read_async_document(ORDERS)
        yield replace(
            case,
            calls={"asyncapi": (calls["here"],)},
            hopeless=calls["nowhere"],
            api_of=lambda _: api,
            entry={"asyncapi": "${file:orders.json}"},
            files={"orders.json": json.dumps(ORDERS)},
        )


@asynccontextmanager
async def notes(folder: Path) -> AsyncIterator[Case]:
    urls = {"here": f"{folder}/notes", "nowhere": f"{folder}/no/notes"}
    calls = {name: a_call("notebook.append", connection=name, line="Ada was here") for name in urls}

    async def has(mark: str) -> Sequence[str]:
        notebook = folder / "notes"
        return [each for each in notebook.read_text().splitlines() if each == mark] if notebook.exists() else []

    yield Case(urls, {"notebook.append": (calls["here"],)}, calls["nowhere"], has=has)


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


def by_http(method: str) -> Given:
    """A request for the book of a mark."""
    return lambda name, mark: {"method": method, "endpoint": f"connection://{name}/books/{mark}"}


def of_file(name: str, mark: str) -> dict[str, Any]:
    """A request for it whose body is a file."""
    return {**by_http("POST")(name, mark), "send": {"connection": FILES, "file": f"import-{mark}"}}


def into_file(name: str, mark: str) -> dict[str, Any]:
    """One whose answer becomes a file."""
    return {**by_http("PUT")(name, mark), "save": {"connection": FILES, "file": f"exports/{mark}"}}


def by_document(name: str, mark: str) -> dict[str, Any]:
    """The same, by the document of the system."""
    document = {"endpoint": f"connection://{name}"}
    return {"document": document, "operationId": "addBook", "parameters": {"mark": mark}}


def by_messages(name: str, mark: str) -> dict[str, Any]:
    """A message as the document of the system has it."""
    return {
        "document": {"endpoint": f"connection://{name}"},
        "operation": "order",
        "message": {"payload": {"order": mark}},
    }


def marked(**arguments: Any) -> Given:
    """Arguments with the mark wherever they say `MARK`, and the connection."""

    def given(name: str, mark: str) -> dict[str, Any]:
        made: dict[str, Any] = json.loads(json.dumps(arguments).replace("MARK", mark))
        return {"connection": name, **made}

    return given


def inserting(statement: str) -> Given:
    """A statement with the mark as a parameter."""
    return marked(statement=statement, parameters={"mark": "MARK"})


INSERT = "INSERT INTO t (a) VALUES (:mark)"
KEYED_INSERT = "INSERT INTO t (a, step_id) VALUES (:mark, :step_id)"
MAIL = {"from": "a@example.com", "to": ["b@example.com"], "subject": "MARK", "text": "Thanks."}
MESSAGE = {"key": QUEUE, "value": {"order": "MARK"}}
RECORD = {"topic": TOPIC, "key": "A-17", "value": {"order": "MARK"}}

DEEDS: Mapping[str, tuple[Deed, ...]] = {
    "http": (
        Deed(operation="http", effect=EffectClass.BLIND, given=by_http("POST")),
        Deed(operation="http", effect=EffectClass.KEYED, given=by_http("POST"), said=True),
        Deed(operation="http", effect=EffectClass.IDEMPOTENT, given=by_http("PUT")),
        Deed(
            operation="http",
            effect=EffectClass.PROBED,
            given=by_http("POST"),
            said=True,
            probe=("http", by_http("GET")),
        ),
        Deed(operation="http", effect=EffectClass.BLIND, given=of_file),
        Deed(operation="http", effect=EffectClass.KEYED, given=of_file, said=True),
        Deed(operation="http", effect=EffectClass.IDEMPOTENT, given=into_file),
        Deed(operation="openapi", effect=EffectClass.BLIND, given=by_document),
        Deed(operation="openapi", effect=EffectClass.KEYED, given=by_document, said=True),
    ),
    "sql": (
        Deed(operation="sql.execute", effect=EffectClass.BLIND, given=inserting(INSERT)),
        Deed(
            operation="sql.execute",
            effect=EffectClass.KEYED,
            given=inserting(f"{KEYED_INSERT} ON CONFLICT (step_id) DO NOTHING"),
        ),
        Deed(operation="sql.insert", effect=EffectClass.KEYED, given=marked(table="t", values={"a": "MARK"})),
    ),
    "mail": (
        Deed(operation="mail.send", effect=EffectClass.BLIND, given=marked(**MAIL)),
        Deed(operation="mail.send", effect=EffectClass.KEYED, given=marked(**MAIL), said=True),
    ),
    "file": (
        Deed(operation="file.write", effect=EffectClass.IDEMPOTENT, given=marked(file="MARK", content="Thanks.")),
    ),
    "webhook": (Deed(operation="webhook.send", effect=EffectClass.KEYED, given=marked(body={"mark": "MARK"})),),
    "sftp": (
        Deed(operation="sftp.put", effect=EffectClass.IDEMPOTENT, given=marked(file="MARK", content="Thanks.")),
        Deed(operation="sftp.move", effect=EffectClass.IDEMPOTENT, given=marked(file="from-MARK", to="moved/MARK")),
    ),
    "kafka": (
        Deed(operation="kafka.publish", effect=EffectClass.BLIND, given=marked(**RECORD)),
        Deed(operation="kafka.publish", effect=EffectClass.KEYED, given=marked(**RECORD, event=EVENT)),
    ),
    "amqp": (
        Deed(operation="amqp.publish", effect=EffectClass.BLIND, given=marked(**MESSAGE)),
        Deed(operation="amqp.publish", effect=EffectClass.KEYED, given=marked(**MESSAGE, event=EVENT)),
    ),
    "asyncapi": (
        Deed(operation="asyncapi", effect=EffectClass.BLIND, given=by_messages),
        Deed(operation="asyncapi", effect=EffectClass.KEYED, given=by_messages, said=True),
    ),
    "notebook": (Deed(operation="notebook.append", effect=EffectClass.BLIND, given=marked(line="MARK")),),
}
