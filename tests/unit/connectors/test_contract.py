"""The suite that every connector must pass, whatever system it speaks to, and every operation, whatever it does there.

Connectors and operations come from the catalogue: one that has no case here fails. To add one, write what opens it (a
real system in test size) and put it into `CASES`.
"""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from connectors.assembly import made
from connectors.catalogue import CONNECTORS
from connectors.declaration import Declaration
from connectors.http.openapi import read as read_document
from connectors.hub.connections import ApiOf, Connections, undocumented
from connectors.hub.contract import AnyConnector, HubCall, Plan, Refused
from connectors.hub.identity import Identity, IdentityOf, Webhook, nobody
from connectors.hub.operations import bound
from connectors.hub.outcome import CallOutcome, to_problem
from connectors.hub.policy import Policy
from schemas.functions import EffectClass, Function, Kind
from schemas.reasons import Effect, Reason
from tests.support import mailboxes, notebook, peers
from tests.support import sftp as sftp_server

PETS = read_document({"openapi": "3.1.0", "paths": {"/pet": {"get": {"operationId": "getPet"}}}})
ALL = (*CONNECTORS, notebook.DECLARATION)


@dataclass
class Case:
    """A system that works and one that cannot be reached, with calls for both."""

    connections: Mapping[str, str]
    calls: Mapping[str, tuple[HubCall, ...]]  # by operation: calls that succeed, all on one connection
    hopeless: HubCall  # to where nobody answers; one that would change something, if there is such a call
    api_of: ApiOf = undocumented
    identity_of: IdentityOf = nobody


def a_call(function: str, **arguments: Any) -> HubCall:
    return HubCall(function=function, arguments=arguments, key="k")


@asynccontextmanager
async def http(folder: Path) -> AsyncIterator[Case]:
    async with peers.peer(peers.answers(peers.OK)) as peer:
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
        "sql.query": (a_call("sql.query", connection="here", statement="SELECT a FROM t"),),
        "sql.execute": (a_call("sql.execute", connection="here", statement=insert),),
        "sql.insert": (a_call("sql.insert", connection="here", table="t", values={"a": 1}),),
    }
    yield Case(urls, calls, a_call("sql.execute", connection="nowhere", statement=insert))


@asynccontextmanager
async def mail(folder: Path) -> AsyncIterator[Case]:
    said = {"from": "a@example.com", "to": ["b@example.com"], "subject": "Order", "text": "Thanks."}
    async with mailboxes.mailbox() as box:
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
    "notebook": notes,
}


@dataclass
class Bench:
    """A connector that is open, on the systems of its case."""

    case: Case
    declaration: Declaration
    connector: AnyConnector

    def plan(self, call: HubCall) -> Plan[Any]:
        return bound(self.declaration, self.connector)[call.function].plan(call)

    def refusal(self, call: HubCall, **changed: Any) -> CallOutcome:
        """What is said of the call with other arguments, which must be refused; None: left out."""
        arguments = {name: value for name, value in {**call.arguments, **changed}.items() if value is not None}
        with pytest.raises(Refused) as refused:
            self.plan(dataclasses.replace(call, arguments=arguments))
        return refused.value.outcome

    async def outcome(self, call: HubCall, timeout_s: float = 2.0) -> CallOutcome:
        return await self.connector.call(self.plan(call), timeout_s)


On = tuple[Bench, Function, tuple[HubCall, ...]]  # one operation, and its calls that succeed


@asynccontextmanager
async def opened(declaration: Declaration, folder: Path) -> AsyncIterator[Bench]:
    async with CASES[declaration.name](folder) as case:
        connector = made(declaration, Connections(case.connections, case.identity_of, case.api_of), Policy())
        await connector.open()
        yield Bench(case, declaration, connector)
        await connector.close()


@pytest.fixture(params=ALL, ids=lambda each: each.name)
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    async with opened(request.param, tmp_path) as it:
        yield it


@pytest.fixture(
    params=[(each, operation) for each in ALL for operation in each.operations],
    ids=lambda pair: pair[1].name,
)
async def on(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[On]:
    declaration, operation = request.param
    async with opened(declaration, tmp_path) as it:
        yield it, operation, it.case.calls[operation.name]


async def test_success_has_the_effect_of_its_class(on: On) -> None:
    bench, _, calls = on
    for call in calls:
        outcome = await bench.outcome(call)
        assert outcome.ok
        assert outcome.effect is (Effect.DONE if bench.plan(call).effect.effectful else Effect.NONE)


async def test_output_is_what_the_declaration_says(on: On) -> None:
    bench, operation, calls = on
    for call in calls:
        Draft202012Validator(operation.output).validate((await bench.outcome(call)).output)


async def test_no_time_left_means_no_effect(on: On) -> None:
    bench, _, calls = on
    for call in calls:
        outcome = await bench.outcome(call, timeout_s=0.0)
        assert not outcome.ok and outcome.effect is Effect.NONE


async def test_unknown_arguments_are_refused(on: On) -> None:
    bench, _, (call, *_) = on
    assert "surprise" in bench.refusal(call, surprise=1).detail


async def test_missing_arguments_are_refused_by_name(on: On) -> None:
    bench, operation, (call, *_) = on
    for argument in operation.arguments:
        if argument.required:
            outcome = bench.refusal(call, **{argument.name: None})
            assert outcome.reason is Reason.INPUT_INVALID
            assert outcome.detail == f"{operation.name}: {argument.name} is missing; write {argument.example}"


async def test_wrong_arguments_are_refused_by_name_and_not_quoted(on: On) -> None:
    bench, operation, (call, *_) = on
    for argument in operation.arguments:
        if argument.kind is not Kind.ANY:
            wrong = {"Jane": 1} if argument.kind is Kind.CHOICES else ["Jane"]
            outcome = bench.refusal(call, **{argument.name: wrong})
            assert (outcome.reason, outcome.effect) == (Reason.INPUT_INVALID, Effect.NONE)
            assert outcome.detail.startswith(f"{operation.name}: {argument.name} ")
            assert "Jane" not in outcome.detail


async def test_effect_is_declared_once_or_judged(on: On) -> None:
    bench, operation, calls = on
    for call in calls:
        claimed = dataclasses.replace(call, effect=EffectClass.KEYED)
        assert bench.plan(claimed).effect is (operation.effect or EffectClass.KEYED)
        if operation.effect is not None:
            assert bench.plan(call).effect is operation.effect


async def test_calls_of_one_system_share_a_connection(bench: Bench) -> None:
    calls = [call for calls in bench.case.calls.values() for call in calls]
    assert len({(bench.plan(call).connection, bench.plan(call).address) for call in calls}) == 1


async def test_unreached_system_was_not_changed(bench: Bench) -> None:
    outcome = await bench.outcome(bench.case.hopeless)
    assert not outcome.ok and outcome.effect is Effect.NONE
    assert outcome.meaning.trips


async def test_failures_become_complete_problems(bench: Bench) -> None:
    problem = to_problem(await bench.outcome(bench.case.hopeless), "/do/0/x")
    assert problem["detail"] and problem["reason"] and problem["status"] >= 400


@pytest.mark.parametrize("declaration", ALL, ids=lambda each: each.name)
async def test_every_operation_has_a_case(declaration: Declaration, tmp_path: Path) -> None:
    assert declaration.name in CASES, f"write a case for {declaration.name} and put it into CASES"
    async with CASES[declaration.name](tmp_path) as case:
        assert case.calls.keys() == {operation.name for operation in declaration.operations}
        assert all(case.calls.values())
