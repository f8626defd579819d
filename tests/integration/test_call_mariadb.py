"""`call: sql.*` on a real MariaDB: its texts, its numbers of errors, and what only it does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from connectors.assembly import standard_hub
from connectors.hub.contract import HubCall
from connectors.hub.outcome import CallOutcome
from connectors.hub.pipeline import CallLimits, Hub
from schemas.business import EventTypes
from schemas.reasons import Effect, Reason
from streams.ground.site import Site
from streams.rows.declared import read_rows
from streams.rows.reading import Reading
from tests.support.mariadb import MariaDb
from tests.support.row_sources import Kafka

QUICK = CallLimits(total_timeout_s=10.0, try_timeout_s=2.0)
KEYED = "INSERT INTO account (step_id, owner) VALUES (:step_id, :owner) ON DUPLICATE KEY UPDATE step_id = step_id"


@pytest.fixture
def url(mariadb: MariaDb) -> str:
    with mariadb.connected() as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS account")
        cursor.execute(
            "CREATE TABLE account (step_id varchar(99) PRIMARY KEY, owner varchar(20) NOT NULL, rate decimal(6, 2),"
            " at datetime(6), photo blob)"
        )
    return mariadb.url


@pytest.fixture
async def hub(url: str) -> AsyncIterator[Hub]:
    async with standard_hub({"bank": url}, limits=QUICK) as opened:
        yield opened


async def run(hub: Hub, function: str, statement: str, **parameters: Any) -> CallOutcome:
    arguments = {"connection": "bank", "statement": statement, "parameters": parameters}
    return await hub.carry_out(HubCall(function=function, arguments=arguments, key="k"))


async def test_rows_come_exact(hub: Hub) -> None:
    put = "INSERT INTO account VALUES ('a', :owner, 1.10, :at, x'00ff')"
    assert (await run(hub, "sql.execute", put, owner="Ada ü 'x' \\ %s :y", at="2026-01-02T03:04:05.000006")).ok
    outcome = await run(hub, "sql.query", "SELECT * FROM account WHERE step_id IN :ids", ids=["a", "b"])
    assert outcome.output["rows"] == [
        {
            "step_id": "a",
            "owner": "Ada ü 'x' \\ %s :y",
            "rate": "1.10",
            "at": "2026-01-02T03:04:05.000006",
            "photo": "AP8=",
        }
    ]


async def test_texts_of_a_statement_are_read_as_mariadb_reads_them(hub: Hub) -> None:
    statement = r"""SELECT 'it\'s :no' AS a, "a ""b"" :no" AS b, 5 % 3 AS c, :yes AS d, 1--1 AS `e:f` # :no"""
    outcome = await run(hub, "sql.query", statement, yes=r"\' OR 1 = 1 -- ")
    assert outcome.output["rows"] == [{"a": "it's :no", "b": 'a "b" :no', "c": 2, "d": r"\' OR 1 = 1 -- ", "e:f": 2}]


async def test_empty_lists_find_nothing_and_everything(hub: Hub) -> None:
    await run(hub, "sql.execute", KEYED, owner="Cy")
    for word, count in (("IN", 0), ("NOT IN", 1)):
        outcome = await run(hub, "sql.query", f"SELECT 1 AS one FROM account WHERE owner {word} (:owners)", owners=[])
        assert outcome.output["count"] == count


async def test_keyed_statement_has_its_effect_once(hub: Hub) -> None:
    outcomes = [await run(hub, "sql.execute", KEYED, owner="Cy") for _ in range(2)]
    assert [each.effect for each in outcomes] == [Effect.DONE, Effect.DONE]
    assert (await run(hub, "sql.query", "SELECT count(*) AS n FROM account")).output["rows"] == [{"n": 1}]


async def test_query_cannot_write(hub: Hub, url: str) -> None:
    for statement in ("DELETE FROM account", "WITH a AS (SELECT 1) DELETE FROM account"):
        outcome = await run(hub, "sql.query", statement)
        assert (outcome.reason, outcome.effect) == (Reason.INPUT_INVALID, Effect.NONE)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1 INTO OUTFILE '/tmp/x'",
        "SELECT LOAD_FILE('/etc/passwd')",
        "SELECT 1 /*!50000 + 1 */ AS one",
        "SELECT 1 /*M! + 1 */ AS one",
        "SELECT @a",
        "SELECT 1; DELETE FROM account",
        "SET SESSION sql_mode = ''",
        "USE mysql",
        "LOCK TABLES account READ",
    ],
)
async def test_what_reaches_beyond_is_refused(hub: Hub, statement: str) -> None:
    for function in ("sql.query", "sql.execute"):
        outcome = await run(hub, function, statement)
        assert (outcome.reason, outcome.effect) == (Reason.INPUT_INVALID, Effect.NONE)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("INSERT INTO account (step_id, owner) VALUES ('a', NULL)", Reason.INPUT_INVALID),
        ("INSERT INTO account (step_id, owner) VALUES ('a', 'much longer than the column is')", Reason.INPUT_INVALID),
        ("INSERT INTO account (step_id, owner) VALUES ('a', 'x'), ('a', 'y')", Reason.ALREADY_DONE),
        ("INSERT INTO nowhere VALUES (1)", Reason.INPUT_INVALID),
        ("INSERT INTO mysql.user (host) VALUES ('x')", Reason.FORBIDDEN),
        ("UPDATE account SET owner = 'x' WHERE SLEEP(60) = 0", Reason.OK),
    ],
)
async def test_errors_have_their_reason_and_no_effect(hub: Hub, statement: str, reason: Reason) -> None:
    outcome = await run(hub, "sql.execute", statement)
    assert outcome.reason is reason, outcome.detail
    if not outcome.ok:
        assert outcome.effect is Effect.NONE
        assert (await run(hub, "sql.query", "SELECT count(*) AS n FROM account")).output["rows"] == [{"n": 0}]


async def test_slow_statement_is_ended_by_the_server(hub: Hub) -> None:
    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1e9) SELECT max(i) AS top FROM n"
    outcome = await run(hub, "sql.query", f"SET STATEMENT max_recursive_iterations=1000000000 FOR {slow}")
    assert outcome.reason is Reason.INPUT_INVALID, "which would set more than that"
    outcome = await run(hub, "sql.query", "SELECT sum(a.seq * b.seq) AS n FROM seq_1_to_1000000 a, seq_1_to_1000000 b")
    assert (outcome.reason, outcome.effect) == (Reason.TIMED_OUT, Effect.NONE)


async def test_a_result_that_is_too_large_is_given_up_early(hub: Hub) -> None:
    outcome = await run(hub, "sql.query", "SELECT seq FROM seq_1_to_100000000")
    assert (outcome.reason, outcome.effect) == (Reason.REPLY_TOO_LARGE, Effect.NONE)
    assert (await run(hub, "sql.query", "SELECT 1 AS one")).ok


async def test_no_insert_by_a_key_that_mariadb_does_not_know(hub: Hub) -> None:
    given = {"connection": "bank", "table": "account", "values": {"owner": "x"}}
    outcome = await hub.carry_out(HubCall(function="sql.insert", arguments=given, key="k"))
    assert (outcome.reason, outcome.effect) == (Reason.UNSUPPORTED, Effect.NONE)
    assert "ON DUPLICATE KEY UPDATE" in outcome.detail


async def test_a_server_that_is_away_or_refuses_us_has_its_reason(url: str, mariadb: MariaDb) -> None:
    for changed, reason in (
        (url.replace("pass%40word", "wrong"), Reason.CONNECTION_STALE),
        (url.replace("/test", "/nowhere"), Reason.CONNECTION_STALE),
        (url.replace(str(mariadb.port), "9"), Reason.UNREACHED),
    ):
        async with standard_hub({"bank": changed}, limits=QUICK) as hub:
            outcome = await run(hub, "sql.execute", KEYED, owner="x")
        assert (outcome.reason, outcome.effect) == (reason, Effect.NONE), outcome.detail


async def test_rows_of_mariadb_become_events(url: str, tmp_path: Path) -> None:
    kafka = Kafka()
    (tmp_path / "rows.yaml").write_text("""
accounts:
  connection: bank
  statement: SELECT step_id, owner FROM account ORDER BY step_id LIMIT :limit
  key: step_id
  done: DELETE FROM account WHERE step_id IN (:keys)
  batch: 2
  type: com.example.account.v1
""")
    async with standard_hub({"bank": url}, limits=QUICK) as hub:
        for name in "abc":
            await run(hub, "sql.execute", f"INSERT INTO account (step_id, owner) VALUES ('{name}', 'x')")
        source = Site(tmp_path).file("rows.yaml", read_rows).value["accounts"]
        reading = Reading(
            source=source, mapping=None, hub=hub, codec=kafka.codec, types=EventTypes.load(), publisher=kafka,
            positions=kafka,
        )  # fmt: skip
        while await reading.look():
            pass
    assert [each["step_id"] for each in kafka.data] == ["a", "b", "c"]
