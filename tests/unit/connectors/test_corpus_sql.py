"""The corpus of statements, on a real SQLite: what they give, what is refused and how, and within which bounds."""

from __future__ import annotations

import os
import resource
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from connectors.assembly import standard_hub
from connectors.hub.contract import HubCall
from connectors.hub.outcome import CallOutcome
from connectors.hub.pipeline import Hub
from connectors.sql.lexer import POSTGRESQL, SQLITE, Kind, tokens
from connectors.sql.statement import Statement
from schemas.reasons import Effect, Reason
from tests.support.hubs import CALM, QUICK
from tests.unit.connectors import corpus_sql as corpus


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    with closing(sqlite3.connect(tmp_path / "db.sqlite")) as made, made:
        made.executescript(corpus.TABLES)
    async with standard_hub({"db": f"sqlite:///{tmp_path}/db.sqlite"}, limits=CALM) as opened:
        yield opened


async def run(hub: Hub, function: str, statement: str, parameters: dict[str, Any] | None = None) -> CallOutcome:
    arguments = {"connection": "db", "statement": statement, "parameters": parameters}
    return await hub.carry_out(HubCall(function=function, arguments=arguments, key="k"))


def shown(statement: str, dialect: str) -> str:
    found = tokens(statement, dialect)
    return "".join(f"{{{each.text}}}" if each.kind is Kind.PARAMETER else each.text for each in found)


@pytest.mark.parametrize(("statement", "sqlite", "postgresql"), corpus.LEXED.values(), ids=corpus.LEXED)
def test_parameters_are_told_from_other_colons(statement: str, sqlite: str, postgresql: str | None) -> None:
    assert shown(statement, SQLITE) == sqlite
    assert shown(statement, POSTGRESQL) == (postgresql or sqlite)


@pytest.mark.parametrize(("statement", "parameters", "column"), corpus.GIVES.values(), ids=corpus.GIVES)
async def test_statement_gives(hub: Hub, statement: str, parameters: dict[str, Any], column: list[Any]) -> None:
    outcome = await run(hub, "sql.query", statement, parameters)
    assert outcome.ok, outcome.detail
    assert [next(iter(row.values())) for row in outcome.output["rows"]] == column


@pytest.mark.parametrize(("function", "statement", "parameters", "said"), corpus.REFUSED.values(), ids=corpus.REFUSED)
async def test_statement_is_refused(
    hub: Hub, tmp_path: Path, function: str, statement: str, parameters: dict[str, Any], said: str
) -> None:
    outcome = await run(hub, function, statement, parameters)
    assert outcome.reason in (Reason.INPUT_INVALID, Reason.ALREADY_DONE)
    assert outcome.effect is Effect.NONE
    assert said in outcome.detail
    assert corpus.SECRET not in outcome.detail
    assert os.listdir(tmp_path) == ["db.sqlite"]
    assert (await run(hub, "sql.query", "SELECT count(*) AS n FROM acc")).output["rows"] == [{"n": 3}]


@pytest.mark.parametrize("statement", corpus.TOO_LARGE.values(), ids=corpus.TOO_LARGE)
@pytest.mark.parametrize("function", ["sql.query", "sql.execute"])
async def test_result_that_is_too_large_is_not_taken(hub: Hub, function: str, statement: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcome = await run(hub, function, statement)
    assert (outcome.reason, outcome.effect) == (Reason.REPLY_TOO_LARGE, Effect.NONE)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 * 1024


@pytest.mark.parametrize("statement", corpus.NO_FORM.values(), ids=corpus.NO_FORM)
async def test_value_without_a_form_in_json_is_told(hub: Hub, statement: str) -> None:
    outcome = await run(hub, "sql.query", statement)
    assert (outcome.reason, outcome.effect) == (Reason.CONTRACT_DRIFT, Effect.NONE)
    assert "CAST(x AS text)" in outcome.detail


async def test_query_sees_no_database_that_a_change_has_attached(hub: Hub) -> None:
    """Connections are shared by calls; what one leaves behind, another would find."""
    for function in ("sql.execute", "sql.query"):
        await run(hub, function, "ATTACH ':memory:' AS p")
        assert not (await run(hub, function, "SELECT * FROM p.sqlite_master")).ok


async def test_statement_that_looks_at_no_clock_is_interrupted(tmp_path: Path) -> None:
    """Instructions that take long each: the clock is looked at only after thousands of them."""
    heavy = f"{corpus.NUMBERS}) SELECT sum(length(hex(randomblob(9000000)))) AS x FROM n"
    async with standard_hub({"db": f"sqlite:///{tmp_path}/db.sqlite"}, limits=QUICK) as hub:
        outcome = await run(hub, "sql.query", heavy)
        assert (outcome.reason, outcome.status) == (Reason.TIMED_OUT, None)
        assert (await run(hub, "sql.query", "SELECT 1 AS one")).ok


def test_statement_of_postgresql_doubles_percents_and_knows_empty_lists() -> None:
    statement = Statement("SELECT '5%' WHERE a NOT IN (:i) AND b IN :j AND c = ANY(:i)", POSTGRESQL)
    ready = statement.ready({"i": [], "j": [1, 2]})
    assert ready.text == "SELECT '5%%' WHERE a <> ALL('{}') AND b IN (%s, %s) AND c = ANY(%s)"
    assert ready.values == (1, 2, [])


@pytest.mark.parametrize("length", [50_000])
@pytest.mark.parametrize("piece", ["'", "/*", "$a$", ":a ", "(", "\\:", "''", "--", "E'\\", "[", "$", ";"])
def test_lexer_takes_no_long_time(piece: str, length: int) -> None:
    for dialect in (SQLITE, POSTGRESQL):
        assert "".join(each.text for each in tokens(piece * length, dialect))
