"""`exlify bottlenecks`, against a gateway over HTTP: its figures are those that a count by hand gives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from schemas.messages import HISTORY_ENTRY
from streams.cli import group
from streams.ground.errors import UsageError
from streams.ground.settings import Settings
from streams.processors.costs import Prices
from tests.support.clocked import Clocked
from tests.support.command_line import Cli, beside
from tests.support.gateways import AsyncGateway, Gateway
from tests.support.stories import START_MS

YAML = """
document: {dsl: 1.0.3, namespace: test, name: claim, version: 1.0.0}
do:
  - fetch: {call: http, with: {method: get, endpoint: 'http://127.0.0.1:1/a'}}
  - ask: {call: human, with: {team: risk, title: Look at it, outcomes: [approve, decline]}}
"""
FETCH, ASK = "/do/0/fetch", "/do/1/ask"


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    settings = Settings(data_dir=tmp_path / "gateway")
    async with AsyncGateway(settings, clock=lambda: START_MS / 1_000 + 100) as running:
        yield running


@pytest.fixture
def cli(gateway: Gateway, tmp_path: Path) -> Cli:
    return beside(gateway, tmp_path, "bottlenecks", COLUMNS="160")


def story(gateway: Gateway, number: int, version: str = "1.0.0") -> Clocked:
    told = Clocked(YAML.replace("1.0.0", version), f"{number:032x}")
    gateway.services.definitions.learn(told.definition)
    return told


def see(gateway: Gateway, *stories: Clocked) -> None:
    for each in stories:
        for entry in each.entries:
            gateway.see(HISTORY_ENTRY, entry)


@pytest.fixture
def claims(gateway: Gateway) -> None:
    """Three of one version, one of which has not ended 100 s after the beginning of time; one of another."""
    a, b, c, d = story(gateway, 1), story(gateway, 2), story(gateway, 3), story(gateway, 4, "2.0.0")
    a.at(0).start({})
    a.at(10).result(FETCH, {})
    a.at(50).result(ASK, {})
    b.at(20).start({})
    b.at(21).retrying(FETCH, due_s=26)
    b.at(30).result(FETCH, {})
    b.at(40).result(ASK, {})
    c.at(60).start({})
    c.at(70).result(FETCH, {})
    d.at(80).start({})
    d.at(90).cancel("no longer wanted", "kim")
    see(gateway, a, b, c, d)


async def test_history_of_what_has_ended_is_read_once_and_what_comes_later_is_seen(
    gateway: Gateway, cli: Cli, claims: None
) -> None:
    first = (await cli("claim", "--json")).output
    with gateway.services.reader.engine.begin() as connection:
        connection.execute(text("DELETE FROM history WHERE instance_id != :open"), {"open": f"{3:032x}"})
    assert (await cli("claim", "--json")).output == first
    ended = story(gateway, 3)
    ended.at(60).start({})
    ended.at(70).result(FETCH, {})
    ended.at(75).result(ASK, {})
    see(gateway, ended)
    old = next(each for each in json.loads((await cli("claim", "--json")).output)["versions"] if each["instances"] == 3)
    assert old["elapsed_ms"] == 50_000 + 20_000 + 15_000


async def test_shares_are_those_of_a_count_by_hand(gateway: Gateway, cli: Cli, claims: None) -> None:
    found = json.loads((await cli("claim", "--json")).output)
    assert (found["matching"], found["looked_at"]) == (4, 4)
    new, old = sorted(found["versions"], key=lambda each: each["version"], reverse=True)
    assert (new["version"], new["instances"], new["elapsed_ms"], new["by"]) == ("2.0.0", 1, 10_000, {"systems": 10_000})
    assert (old["instances"], old["elapsed_ms"]) == (3, 50_000 + 20_000 + 40_000)
    assert old["by"] == {"systems": 10_000 + (1_000 + 4_000) + 10_000, "people": 80_000, "retries": 5_000}
    ask, fetch = old["steps"]
    assert (ask["pointer"], ask["took_ms"], ask["share"]) == (ASK, 80_000, round(80 / 110, 4))
    assert (ask["times"], ask["open"], ask["median_ms"], ask["slow_ms"]) == (2, 1, 40_000, 40_000)
    assert (fetch["times"], fetch["open"], fetch["median_ms"]) == (3, 0, 10_000)
    assert sum(step["share"] for step in old["steps"]) == pytest.approx(1, abs=0.001)


async def test_lives_are_as_long_as_the_rows_say(gateway: Gateway, cli: Cli, claims: None) -> None:
    found = json.loads((await cli("claim", "--json")).output)
    query = (
        "SELECT sum(CASE WHEN status IN ('completed', 'cancelled') THEN updated_at_ms ELSE :now END - started_at_ms)"
    )
    with gateway.services.reader.engine.connect() as connection:
        (lives,) = connection.execute(text(query + " FROM instances"), {"now": START_MS + 100_000}).one()
    assert sum(each["elapsed_ms"] for each in found["versions"]) == lives
    assert sum(sum(each["by"].values()) for each in found["versions"]) == lives


async def test_people_read_it_as_a_table(cli: Cli, claims: None) -> None:
    told = await cli("claim", "--version", "1.0.0")
    assert told.exit_code == 0
    head, parts, _, first, *_ = told.output.splitlines()
    assert head == "claim 1.0.0: 3 instances, 1 min 50 s in all"
    assert parts == "people 72.7%, systems 22.7%, the next try 4.5%"
    assert first.split() == ["ask", "people", "72.7%", "1", "min", "20", "s", "3", "40", "s", "40", "s"]
    assert "2.0.0" not in told.output


async def test_what_was_left_out_is_said(cli: Cli, claims: None) -> None:
    assert "Looked at 1 of 4 instances" in (await cli("claim", "--limit", "1")).stderr
    assert "no instances" in (await cli("claim", "--version", "3")).stderr
    since = "2026-09-21T14:14:00Z"  # START_MS + 60 s is 14:14:20
    assert json.loads((await cli("claim", "--since", since, "--json")).output)["matching"] == 2


async def test_workflow_and_time_that_are_none_are_refused(cli: Cli) -> None:
    assert "No workflow of this name" in str((await cli("claims")).exception)
    assert isinstance((await cli("order", "--since", "yesterday")).exception, UsageError)


DEAR = """
document: {dsl: 1.0.3, namespace: test, name: claim, version: 3.0.0}
do:
  - fetch:
      call: http
      with: {method: get, endpoint: 'connection://bureau/a'}
      metadata: {recovery: {retries: 2, fallback: [{call: human, with: {team: desk, title: T, outcomes: [done]}}]}}
  - ask: {call: human, with: {team: risk, title: Look at it, outcomes: [approve, decline]}}
  - judge: {call: decide, with: {model: credit-risk, input: {}}}
"""
JUDGE = "/do/2/judge"


async def test_cost_is_that_of_every_try_call_decision_and_task(tmp_path: Path) -> None:
    prices = Prices({"bureau": 0.5}, {"credit-risk": 0.01}, {"risk": 3.0, "desk": 7.0})
    settings = Settings(data_dir=tmp_path / "gateway")
    async with AsyncGateway(settings, clock=lambda: START_MS / 1_000 + 100, prices=lambda: prices) as gateway:
        plain, dear = Clocked(DEAR, f"{8:032x}"), Clocked(DEAR, f"{9:032x}")
        gateway.services.definitions.learn(plain.definition)
        for each in (plain, dear):
            each.at(0).start({})
        dear.at(1).retrying(FETCH, due_s=2)
        dear.at(3).retrying(FETCH, due_s=4)
        for each in (plain, dear):
            each.at(10).result(FETCH, {})
            each.at(20).result(ASK, {})
        plain.at(21).result(JUDGE, {})
        see(gateway, plain, dear)
        _, found = await gateway.ask("GET", "/v1/workflows/claim/bottlenecks")
        (version,) = found["versions"]
        costs = {step["pointer"]: step["cost"] for step in version["steps"]}
        assert (costs[FETCH], costs[ASK], costs[JUDGE]) == (0.5 * (1 + 3), 3.0 * 2, 0.01 * 2)
        assert version["cost"] == pytest.approx(8.02)
        _, told = await gateway.ask("GET", "/v1/report?since=2026-01-01T00:00:00Z")
        assert [each["cost_per_case"] for each in told["workflows"]] == [pytest.approx(4.01)]
        environ = {"EXLIFY_GATEWAY_URL": str(gateway.client.make_url("")), "EXLIFY_DATA_DIR": str(tmp_path)}
        said = await asyncio.to_thread(CliRunner(env=environ).invoke, group, ["bottlenecks", "claim"])
        assert "an instance costs 4.01, as declared: ask 3.00, fetch 1.00, judge 0.01" in said.output
