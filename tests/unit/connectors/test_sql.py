"""`call: sql.query` and `call: sql.execute` on a real SQLite file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from connectors.assembly import standard_hub
from connectors.hub.contract import HubCall
from connectors.hub.outcome import CallOutcome
from connectors.hub.pipeline import Hub
from connectors.sql.values import to_json
from schemas.functions import EffectClass
from schemas.reasons import Effect, Reason
from tests.support.hubs import CALM, QUICK

INSERT = "INSERT INTO account (step_id, owner) VALUES (:step_id, :owner) ON CONFLICT (step_id) DO NOTHING"
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) AS top FROM n"

Run = Callable[..., Any]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "bank.sqlite"
    with sqlite3.connect(path) as made:
        made.execute("CREATE TABLE account (step_id TEXT PRIMARY KEY, owner TEXT NOT NULL, photo BLOB, rate REAL)")
        made.executemany(
            "INSERT INTO account VALUES (?, ?, ?, ?)", [("a", "Ada", b"\x00", 1.5), ("b", "Bob", None, None)]
        )
    return path


@pytest.fixture
async def hub(database: Path) -> AsyncIterator[Hub]:
    async with standard_hub({"bank": f"sqlite:///{database}"}, limits=CALM) as opened:
        yield opened


@pytest.fixture
async def quick(database: Path) -> AsyncIterator[Hub]:
    async with standard_hub({"bank": f"sqlite:///{database}"}, limits=QUICK) as opened:
        yield opened


async def run(
    hub: Hub, function: str, statement: str, key: str = "k", effect: EffectClass | None = None, **parameters: Any
) -> CallOutcome:
    arguments = {"connection": "bank", "statement": statement, "parameters": parameters}
    return await hub.carry_out(HubCall(function=function, arguments=arguments, key=key, effect=effect))


def rows(database: Path) -> int:
    with sqlite3.connect(database) as opened:
        (count,) = opened.execute("SELECT count(*) FROM account").fetchone()
        return int(count)


async def test_rows_come_as_objects(hub: Hub) -> None:
    outcome = await run(hub, "sql.query", "SELECT * FROM account WHERE owner = :owner", owner="Ada")
    assert outcome.ok and outcome.effect is Effect.NONE
    assert outcome.output == {"rows": [{"step_id": "a", "owner": "Ada", "photo": "AA==", "rate": 1.5}], "count": 1}


async def test_array_parameter_becomes_a_list(hub: Hub) -> None:
    statement = "SELECT owner FROM account WHERE owner IN :owners ORDER BY owner"
    outcome = await run(hub, "sql.query", statement, owners=["Ada", "Bob", "Cy"])
    assert [row["owner"] for row in outcome.output["rows"]] == ["Ada", "Bob"]


async def test_query_cannot_write(hub: Hub, database: Path) -> None:
    outcome = await run(hub, "sql.query", "DELETE FROM account")
    assert (outcome.reason, outcome.effect) == (Reason.INPUT_INVALID, Effect.NONE)
    assert rows(database) == 2


async def test_keyed_statement_has_its_effect_once(hub: Hub, database: Path) -> None:
    first = await run(hub, "sql.execute", INSERT, owner="Cy")
    again = await run(hub, "sql.execute", INSERT, owner="Cy")
    assert first.output == {"rows": [], "count": 1} and first.effect is Effect.DONE
    assert again.output == {"rows": [], "count": 0}
    assert rows(database) == 3


async def test_returned_rows_are_kept(hub: Hub) -> None:
    outcome = await run(hub, "sql.execute", INSERT + " RETURNING step_id", owner="Cy", key="key-1")
    assert outcome.output == {"rows": [{"step_id": "key-1"}], "count": 1}


async def test_failed_statement_changes_nothing(hub: Hub, database: Path) -> None:
    outcome = await run(hub, "sql.execute", "INSERT INTO account (step_id) VALUES (:id)", id="c")
    assert (outcome.reason, outcome.effect) == (Reason.INPUT_INVALID, Effect.NONE)
    assert rows(database) == 2


async def test_duplicate_of_a_blind_statement_has_no_effect(hub: Hub) -> None:
    outcome = await run(hub, "sql.execute", "INSERT INTO account (step_id, owner) VALUES ('a', 'x')")
    assert (outcome.reason, outcome.effect) == (Reason.ALREADY_DONE, Effect.NONE)


async def test_duplicate_of_a_keyed_statement_is_in_doubt(hub: Hub) -> None:
    statement = "INSERT INTO account (step_id, owner) VALUES (:step_id, 'x')"
    await run(hub, "sql.execute", statement)
    outcome = await run(hub, "sql.execute", statement)
    assert (outcome.reason, outcome.effect) == (Reason.ALREADY_DONE, Effect.UNKNOWN)


async def test_endless_statement_is_interrupted(quick: Hub) -> None:
    outcome = await run(quick, "sql.query", ENDLESS)
    assert (outcome.reason, outcome.effect) == (Reason.TIMED_OUT, Effect.NONE)
    assert (await run(quick, "sql.query", "SELECT 1 AS one")).ok


async def test_locked_database_is_a_conflict(quick: Hub, database: Path) -> None:
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    outcome = await run(quick, "sql.execute", INSERT, owner="Cy")
    holder.execute("ROLLBACK")
    holder.close()
    assert outcome.reason in (Reason.CONFLICT, Reason.TIMED_OUT)
    assert outcome.effect is Effect.NONE


async def test_too_many_rows_are_refused(hub: Hub) -> None:
    statement = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1001) SELECT i FROM n"
    outcome = await run(hub, "sql.query", statement)
    assert (outcome.reason, outcome.effect) == (Reason.REPLY_TOO_LARGE, Effect.NONE)


async def test_columns_of_one_name_are_refused(hub: Hub) -> None:
    outcome = await run(hub, "sql.query", "SELECT owner, owner FROM account")
    assert outcome.reason is Reason.INPUT_INVALID and "AS" in outcome.detail


@pytest.mark.parametrize("statement", ["SELEC 1", "SELECT * FROM nowhere", "SELECT nothing FROM account", ""])
async def test_wrong_statement_is_the_callers_fault(hub: Hub, statement: str) -> None:
    outcome = await run(hub, "sql.execute", statement)
    assert (outcome.reason, outcome.effect) == (Reason.INPUT_INVALID, Effect.NONE)


@pytest.mark.parametrize("parameters", [{}, {"owner": {"a": 1}}, {"owner": [[1]]}, {"owner": "x", "other": 1}])
async def test_parameters_out_of_order_are_refused(hub: Hub, parameters: dict[str, Any]) -> None:
    outcome = await run(hub, "sql.query", "SELECT * FROM account WHERE owner = :owner", **parameters)
    assert (outcome.reason, outcome.effect) == (Reason.INPUT_INVALID, Effect.NONE)


async def test_number_too_large_for_the_database_is_refused(hub: Hub) -> None:
    outcome = await run(hub, "sql.execute", "UPDATE account SET rate = :rate", rate=2**70)
    assert (outcome.reason, outcome.effect) == (Reason.INPUT_INVALID, Effect.NONE)


@pytest.mark.parametrize("url", ["mysql://host/db", "nonsense", "sqlite+nodriver:///x"])
async def test_useless_address_is_a_matter_of_settings(url: str) -> None:
    async with standard_hub({"bank": url}) as hub:
        outcome = await run(hub, "sql.query", "SELECT 1")
    assert (outcome.reason, outcome.effect) == (Reason.MISCONFIGURED, Effect.NONE)


async def test_missing_file_has_no_effect(tmp_path: Path) -> None:
    async with standard_hub({"bank": f"sqlite:///{tmp_path}/no/such.sqlite"}, limits=CALM) as hub:
        outcome = await run(hub, "sql.execute", "DELETE FROM account")
    assert (outcome.reason, outcome.effect) == (Reason.UNREACHED, Effect.NONE)


async def test_texts_quote_no_parameter(hub: Hub) -> None:
    await run(hub, "sql.execute", INSERT, owner="Jane Doe", key="Jane")
    outcome = await run(hub, "sql.execute", "INSERT INTO account (step_id, owner) VALUES (:id, :o)", id="Jane", o="Doe")
    assert not outcome.ok
    assert "Jane" not in outcome.detail + json.dumps(dict(outcome.evidence))


async def insert(hub: Hub, step: str = "k", **arguments: Any) -> CallOutcome:
    given = {"connection": "bank", "table": "account", **arguments}
    return await hub.carry_out(HubCall(function="sql.insert", arguments=given, key=step))


async def test_a_row_is_inserted_once_for_each_step(hub: Hub, database: Path) -> None:
    outcomes = [await insert(hub, step, values={"owner": "Cy"}) for step in ("k", "k", "other")]
    assert [(each.output["count"], each.effect) for each in outcomes] == [
        (1, Effect.DONE),
        (0, Effect.DONE),
        (1, Effect.DONE),
    ]
    assert rows(database) == 4


async def test_a_row_is_inserted_once_for_each_value_of_its_key(hub: Hub, database: Path) -> None:
    for step in ("one step", "another"):
        assert (await insert(hub, step, values={"step_id": "c", "owner": "Cy"}, key=["step_id"])).ok
    assert rows(database) == 3


async def test_a_key_that_is_not_unique_is_refused_by_the_database(hub: Hub, database: Path) -> None:
    outcome = await insert(hub, values={"step_id": "c", "owner": "Cy"}, key=["owner"])
    assert (outcome.reason, outcome.effect) == (Reason.INPUT_INVALID, Effect.NONE)
    assert "UNIQUE" in outcome.detail
    assert rows(database) == 2


async def test_another_unique_column_is_no_success(hub: Hub, database: Path) -> None:
    with sqlite3.connect(database) as opened:
        opened.execute("CREATE UNIQUE INDEX one_each ON account (owner)")
    outcome = await insert(hub, values={"owner": "Ada"})
    assert (outcome.reason, outcome.effect) == (Reason.ALREADY_DONE, Effect.NONE)


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ({"table": "account; DROP TABLE account"}, "table"),
        ({"table": 'account" (owner) SELECT 1 --'}, "table"),
        ({"values": {'owner") VALUES (1) --': "x"}}, "values"),
        ({"values": {"owner": "x"}, "key": ["nr) DO UPDATE SET owner = 'y' --"]}, "key"),
        ({"values": {"owner": ["x"]}}, "values"),
        ({"values": {"owner": "x"}, "key": ["step_id"]}, "key"),
    ],
)
async def test_what_is_no_name_or_value_is_refused(
    hub: Hub, database: Path, arguments: dict[str, Any], place: str
) -> None:
    outcome = await insert(hub, **{"values": {"owner": "x"}, **arguments})
    assert (outcome.reason, outcome.effect) == (Reason.INPUT_INVALID, Effect.NONE)
    assert outcome.detail.startswith(f"sql.insert: {place} ")
    assert rows(database) == 2


def test_values_without_a_json_type_have_a_form() -> None:
    assert to_json(Decimal("1.10")) == "1.10"
    assert to_json(datetime(2026, 1, 2, 3, tzinfo=UTC)) == "2026-01-02T03:00:00+00:00"
    assert to_json(date(2026, 1, 2)) == "2026-01-02"
    assert to_json(UUID(int=1)) == "00000000-0000-0000-0000-000000000001"
    assert to_json(2**80) == str(2**80)
    assert to_json([b"\x00", {"a": None}]) == ["AA==", {"a": None}]
