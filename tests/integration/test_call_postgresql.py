"""`call: sql.*` on a real PostgreSQL, with the faults that only a server has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from connectors.assembly import standard_hub
from connectors.hub.contract import HubCall
from connectors.hub.outcome import CallOutcome
from connectors.hub.pipeline import CallLimits, Hub
from schemas.reasons import Effect, Reason
from tests.support.postgresql import Server
from tests.support.waiting import PATIENCE_S

psycopg = pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")

QUICK = CallLimits(total_timeout_s=10.0, try_timeout_s=1.0)
INSERT = "INSERT INTO account (step_id, owner) VALUES (:step_id, :owner) ON CONFLICT (step_id) DO NOTHING"


@pytest.fixture
def url(postgresql: Server) -> str:
    with psycopg.connect(postgresql.url.replace("+psycopg", "")) as connection:
        connection.execute("DROP TABLE IF EXISTS account")
        connection.execute(
            "CREATE TABLE account (step_id text PRIMARY KEY, owner text NOT NULL, rate numeric(6, 2), at timestamptz)"
        )
    return postgresql.url


@pytest.fixture
async def hub(url: str) -> AsyncIterator[Hub]:
    async with standard_hub({"bank": url}, limits=QUICK) as opened:
        yield opened


async def run(hub: Hub, function: str, statement: str, **parameters: Any) -> CallOutcome:
    arguments = {"connection": "bank", "statement": statement, "parameters": parameters}
    return await hub.carry_out(HubCall(function=function, arguments=arguments, key="k"))


async def test_rows_come_with_exact_decimals(hub: Hub) -> None:
    await run(hub, "sql.execute", "INSERT INTO account VALUES ('a', 'Ada', 1.10, '2026-01-02T03:04:05Z')")
    outcome = await run(hub, "sql.query", "SELECT owner, rate, at FROM account WHERE owner IN :owners", owners=["Ada"])
    (row,) = outcome.output["rows"]
    assert (row["owner"], row["rate"]) == ("Ada", "1.10")
    assert row["at"].startswith("2026-01-02T")


async def test_keyed_statement_has_its_effect_once(hub: Hub) -> None:
    counts = [(await run(hub, "sql.execute", INSERT, owner="Cy")).output["count"] for _ in range(2)]
    assert counts == [1, 0]


async def test_row_is_inserted_once_for_its_key_and_only_where_the_key_is_unique(hub: Hub) -> None:
    async def insert(**arguments: Any) -> CallOutcome:
        given = {"connection": "bank", "table": "public.account", **arguments}
        return await hub.carry_out(HubCall(function="sql.insert", arguments=given, key="k"))

    assert [(await insert(values={"owner": "Cy"})).output["count"] for _ in range(2)] == [1, 0]
    outcome = await insert(values={"step_id": "b", "owner": "Cy"}, key=["owner"])
    assert (outcome.reason, outcome.effect) == (Reason.INPUT_INVALID, Effect.NONE)
    assert "42P10" in outcome.detail and "unique" in outcome.detail


async def test_query_cannot_write(hub: Hub) -> None:
    outcome = await run(hub, "sql.query", "WITH gone AS (DELETE FROM account RETURNING 1) SELECT * FROM gone")
    assert (outcome.reason, outcome.effect) == (Reason.INPUT_INVALID, Effect.NONE)
    assert "25006" in outcome.detail


async def test_slow_statement_is_cancelled_by_the_server(hub: Hub) -> None:
    outcome = await run(hub, "sql.query", "SELECT pg_sleep(60)")
    assert (outcome.reason, outcome.effect) == (Reason.TIMED_OUT, Effect.NONE)


async def test_a_database_that_has_fallen_silent_holds_no_thread(url: str, postgresql: Server) -> None:
    hub = standard_hub({"bank": url}, limits=QUICK)
    await hub.__aenter__()
    assert (await run(hub, "sql.execute", INSERT, owner="Cy")).ok
    with postgresql.frozen():
        outcome = await run(hub, "sql.execute", INSERT, owner="Cy")
        async with asyncio.timeout(PATIENCE_S):  # a bound on hanging: its threads are waited for
            await hub.__aexit__()
    assert (outcome.reason, outcome.effect) == (Reason.TIMED_OUT, Effect.NONE), "its commit had not begun"


async def test_missing_table_is_named_without_values(hub: Hub) -> None:
    outcome = await run(hub, "sql.query", "SELECT * FROM nowhere WHERE owner = :owner", owner="Jane")
    assert outcome.reason is Reason.INPUT_INVALID
    assert "nowhere" in outcome.detail and "Jane" not in outcome.detail


async def test_value_of_the_wrong_type_is_not_quoted(hub: Hub) -> None:
    outcome = await run(hub, "sql.query", "SELECT CAST(:owner AS integer)", owner="Jane")
    assert (outcome.reason, outcome.effect) == (Reason.INPUT_INVALID, Effect.NONE)
    assert "Jane" not in outcome.detail


async def test_connection_broken_in_the_statement_has_no_effect(hub: Hub) -> None:
    outcome = await run(hub, "sql.execute", "SELECT pg_terminate_backend(pg_backend_pid())")
    assert (outcome.reason, outcome.effect) == (Reason.UNREACHED, Effect.NONE)


async def test_restarted_server_is_found_again(hub: Hub, postgresql: Server) -> None:
    await run(hub, "sql.execute", INSERT, owner="Cy")
    postgresql.stop()
    down = await run(hub, "sql.execute", INSERT, owner="Cy")
    postgresql.start()
    up = await run(hub, "sql.query", "SELECT count(*) AS n FROM account")
    assert (down.reason, down.effect) == (Reason.UNREACHED, Effect.NONE)
    assert up.output["rows"] == [{"n": 1}]


async def test_connection_broken_in_the_commit_leaves_a_doubt(hub: Hub, url: str) -> None:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute(
            "CREATE OR REPLACE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$"
        )
        connection.execute(
            "CREATE CONSTRAINT TRIGGER dies AFTER INSERT ON account DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION die()"
        )
    outcome = await run(hub, "sql.execute", "INSERT INTO account (step_id, owner) VALUES ('a', 'Ada')")
    assert (outcome.reason, outcome.effect) == (Reason.OUTCOME_UNKNOWN, Effect.UNKNOWN)


@pytest.mark.parametrize(
    ("statement", "parameters", "column"),
    [
        ("SELECT n FROM generate_series(1, 3) n WHERE n IN (:ids)", {"ids": []}, []),
        ("SELECT n FROM generate_series(1, 3) n WHERE n IN (:ids)", {"ids": [2]}, [2]),
        ("SELECT n FROM generate_series(1, 3) n WHERE n IN :ids", {"ids": [2, 3]}, [2, 3]),
        ("SELECT n FROM generate_series(1, 3) n WHERE n NOT IN (:ids)", {"ids": []}, [1, 2, 3]),
        ("SELECT t FROM unnest(ARRAY['a', 'b']) t WHERE t NOT IN :ids", {"ids": []}, ["a", "b"]),
        ("SELECT n FROM generate_series(1, 3) n WHERE n = ANY(:ids)", {"ids": [1, 3]}, [1, 3]),
        ("SELECT :a::int + 1 -- :b", {"a": "41"}, [42]),
        ("SELECT '10'::int", {}, [10]),
        ("SELECT '50%' || :a || ' :b' || $$ :c $$", {"a": "%s"}, ["50%%s :b :c "]),
        ("SELECT 7 % 4", {}, [3]),
        ("SELECT (ARRAY[1,2,3])[1:2]", {}, [[1, 2]]),
        ("SELECT E'\\':a'", {}, ["':a"]),
        ("SELECT CAST(:a AS text)", {"a": None}, [None]),
        ("SELECT 18446744073709551616", {}, ["18446744073709551616"]),
        ("VALUES (1), (2)", {}, [1, 2]),
        ("SHOW transaction_read_only", {}, ["on"]),
        ("SELECT 1 WHERE false", {}, []),
    ],
)
async def test_statement_gives(hub: Hub, statement: str, parameters: dict[str, Any], column: list[Any]) -> None:
    outcome = await run(hub, "sql.query", statement, **parameters)
    assert outcome.ok, outcome.detail
    assert [next(iter(row.values())) for row in outcome.output["rows"]] == column


@pytest.mark.parametrize(
    ("function", "statement", "said"),
    [
        ("sql.query", "SELECT 1; DROP TABLE account", "is more than one"),
        ("sql.query", "COPY account TO PROGRAM 'cat'", "reads or writes files"),
        ("sql.execute", "COPY account FROM '/etc/hostname'", "reads or writes files"),
        ("sql.execute", "DO $$ BEGIN COPY account TO PROGRAM 'cat'; END $$", "reads or writes files"),
        ("sql.query", "DO $$ BEGIN DELETE FROM account; END $$", "call sql.execute"),
        ("sql.query", "COMMIT", "each statement is a transaction of its own"),
        ("sql.execute", "SET default_transaction_read_only = off", "calls share connections"),
        ("sql.query", "SELECT set_config('transaction_read_only', 'off', false)", "25001"),
        ("sql.query", "EXPLAIN ANALYZE DELETE FROM account", "a query cannot write"),
        ("sql.query", "SELECT 1 AS a INTO other", "25006"),
        ("sql.query", "SELECT * FROM nowhere.account", "42P01"),
        ("sql.query", "SELECT :a IS NULL", "42P18: could not determine data type of parameter $1; say its type"),
        ("sql.execute", "INSERT INTO account (step_id) VALUES ('a')", 'null value in column "owner"'),
        ("sql.query", "SELECT 'x' WHERE 1 = :a::text", "operator does not exist"),
    ],
)
async def test_statement_is_refused(hub: Hub, function: str, statement: str, said: str) -> None:
    outcome = await run(hub, function, statement, **({"a": None} if ":a" in statement else {}))
    assert (outcome.reason, outcome.effect) == (Reason.INPUT_INVALID, Effect.NONE)
    assert said in outcome.detail


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT repeat('x', 2000000)",
        "SELECT repeat('x', 100000) FROM generate_series(1, 900)",
        "SELECT generate_series(1, 100000000)",
    ],
)
async def test_result_that_is_too_large_is_not_taken(hub: Hub, statement: str) -> None:
    outcome = await run(hub, "sql.query", statement)
    assert (outcome.reason, outcome.effect) == (Reason.REPLY_TOO_LARGE, Effect.NONE)
    assert (await run(hub, "sql.query", "SELECT 1 AS one")).ok


async def test_returned_rows_that_are_too_large_are_rolled_back(hub: Hub) -> None:
    statement = "INSERT INTO account (step_id, owner) SELECT 'k' || n, repeat('x', 2000) FROM generate_series(1, 900) n"
    outcome = await run(hub, "sql.execute", f"{statement} RETURNING owner")
    count = await run(hub, "sql.query", "SELECT count(*) AS n FROM account")
    assert (outcome.reason, outcome.effect, count.output["rows"]) == (Reason.REPLY_TOO_LARGE, Effect.NONE, [{"n": 0}])


async def test_returned_rows_are_kept(hub: Hub) -> None:
    outcome = await run(hub, "sql.execute", f"{INSERT} RETURNING owner", owner="Cy")
    again = await run(hub, "sql.execute", f"{INSERT} RETURNING owner", owner="Cy")
    assert (outcome.output["rows"], again.output["rows"]) == ([{"owner": "Cy"}], [])


@pytest.mark.parametrize("value", ["'NaN'::float8", "'-Infinity'::float8", "'NaN'::numeric", "'infinity'::timestamptz"])
async def test_value_without_a_form_in_json_is_told(hub: Hub, value: str) -> None:
    outcome = await run(hub, "sql.query", f"SELECT {value}")
    assert (outcome.reason, outcome.effect) == (Reason.CONTRACT_DRIFT, Effect.NONE)
