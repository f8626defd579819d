"""The suite that every connector must pass, whatever system it speaks to."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connectors.http.connector import HttpConnector
from connectors.hub.connections import Connections
from connectors.hub.contract import Call, Connector, Refused
from connectors.hub.outcome import CallOutcome, to_problem
from connectors.hub.policy import Policy
from connectors.sql.connector import SqlConnector
from schemas.functions import EffectClass
from schemas.reasons import Effect
from tests.support import peers


@dataclass
class Case:
    """A connector on a system that works and on one that cannot be reached, with calls for both."""

    connector: Connector[Any]
    reading: Call
    changing: Call
    hopeless: Call  # a changing call to where nobody answers
    senseless: Call


@asynccontextmanager
async def http(folder: Path) -> AsyncIterator[Case]:
    def call(method: str, url: str) -> Call:
        return Call(function="http", arguments={"method": method, "endpoint": url}, key="k")

    async with peers.peer(peers.answers(peers.OK)) as peer:
        yield Case(
            HttpConnector(Connections({}), Policy()),
            call("GET", peer.url),
            call("POST", peer.url),
            call("POST", f"http://127.0.0.1:{peers.unused_port()}"),
            call("NONSENSE", peer.url),
        )


@asynccontextmanager
async def sql(folder: Path) -> AsyncIterator[Case]:
    def call(connection: str, function: str, statement: str) -> Call:
        return Call(function=function, arguments={"connection": connection, "statement": statement}, key="k")

    with sqlite3.connect(folder / "db.sqlite") as made:
        made.execute("CREATE TABLE t (a)")
    urls = {"here": f"sqlite:///{folder}/db.sqlite", "nowhere": f"sqlite:///{folder}/no/db.sqlite"}
    yield Case(
        SqlConnector(Connections(urls)),
        call("here", "sql.query", "SELECT a FROM t"),
        call("here", "sql.execute", "INSERT INTO t VALUES (1)"),
        call("nowhere", "sql.execute", "INSERT INTO t VALUES (1)"),
        call("unknown", "sql.query", "SELECT 1"),
    )


Opener = Callable[[Path], AbstractAsyncContextManager[Case]]


@pytest.fixture(params=[http, sql], ids=["http", "sql"])
async def case(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Case]:
    opener: Opener = request.param
    async with opener(tmp_path) as made:
        await made.connector.open()
        yield made
        await made.connector.close()


async def outcome_of(case: Case, call: Call) -> CallOutcome:
    return await case.connector.call(case.connector.check(call), 2.0)


async def test_reading_succeeds_without_effect(case: Case) -> None:
    outcome = await outcome_of(case, case.reading)
    assert outcome.ok and outcome.effect is Effect.NONE


async def test_change_succeeds_with_its_effect_done(case: Case) -> None:
    outcome = await outcome_of(case, case.changing)
    assert outcome.ok and outcome.effect is Effect.DONE


async def test_unreached_system_was_not_changed(case: Case) -> None:
    outcome = await outcome_of(case, case.hopeless)
    assert not outcome.ok and outcome.effect is Effect.NONE
    assert outcome.meaning.trips


async def test_no_time_left_means_no_effect(case: Case) -> None:
    outcome = await case.connector.call(case.connector.check(case.changing), 0.0)
    assert not outcome.ok and outcome.effect is Effect.NONE


async def test_senseless_call_is_refused_before_anything_is_sent(case: Case) -> None:
    with pytest.raises(Refused) as refused:
        case.connector.check(case.senseless)
    assert refused.value.outcome.effect is Effect.NONE


async def test_unknown_arguments_are_refused(case: Case) -> None:
    wrong = dataclasses.replace(case.reading, arguments={**case.reading.arguments, "surprise": 1})
    with pytest.raises(Refused, match="surprise"):
        case.connector.check(wrong)


async def test_declared_effect_class_wins_over_the_usual(case: Case) -> None:
    keyed = dataclasses.replace(case.changing, effect=EffectClass.KEYED)
    assert case.connector.check(keyed).effect is EffectClass.KEYED
    assert case.connector.check(case.changing).effect is EffectClass.BLIND
    assert case.connector.check(case.reading).effect is EffectClass.READ


async def test_same_call_gives_the_same_connection(case: Case) -> None:
    assert case.connector.check(case.reading).connection == case.connector.check(case.changing).connection


async def test_failures_become_complete_problems(case: Case) -> None:
    problem = to_problem(await outcome_of(case, case.hopeless), "/do/0/x")
    assert problem["detail"] and problem["reason"] and problem["status"] >= 400
