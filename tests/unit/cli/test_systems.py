"""`exlify systems`, against a gateway over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streams.ground.errors import UsageError
from streams.ground.settings import Settings
from tests.support.command_line import Cli, beside
from tests.support.gateways import AsyncGateway, Gateway


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    (tmp_path / "connections.yaml").write_text("erp: http://erp.example.com\n")
    async with AsyncGateway(Settings(data_dir=tmp_path / "gateway", site_dir=tmp_path)) as running:
        yield running


@pytest.fixture
def cli(gateway: Gateway, tmp_path: Path) -> Cli:
    return beside(gateway, tmp_path, "systems")


async def test_system_is_paused_for_a_while_and_resumed(gateway: Gateway, cli: Cli) -> None:
    paused = await cli("pause", "erp", "--until", "2h", "--why", "maintenance", "--as", "kim")
    assert (paused.exit_code, "maintenance" in paused.output, "kim" in paused.output) == (0, True, True)
    assert 7_000 < gateway.services.pauses.seconds_left("erp") <= 7_200
    assert "maintenance" in (await cli("list")).output
    assert json.loads((await cli("resume", "erp", "--why", "over", "--json")).output)["paused"] is False
    assert json.loads((await cli("list", "--json")).output)["systems"][0]["paused"] is False


async def test_time_that_is_none_is_refused(gateway: Gateway, cli: Cli) -> None:
    told = await cli("pause", "erp", "--until", "soon", "--why", "x")
    assert isinstance(told.exception, UsageError)
    assert gateway.outbox.records == []


async def test_system_is_shown(cli: Cli) -> None:
    told = await cli("show", "ERP")
    assert (told.exit_code, "http://erp.example.com" in told.output) == (0, True)


async def test_system_that_is_not_called_says_so_and_why(gateway: Gateway, cli: Cli) -> None:
    gateway.services.seen.learn(
        {"connection": "erp", "worker": "a", "breaker": "open", "calls": 4, "failed": 3, "took_ms": 9,
         "last_reason": "UNREACHED", "at_ms": gateway.services.now_ms() - 1_000}
    )  # fmt: skip
    assert "no, it has failed repeatedly" in (await cli("list")).output
    shown = (await cli("show", "erp", "--utc")).output
    assert "UNREACHED" in shown and "2026-09-21 14:13:19 UTC" in shown


async def test_system_that_only_definitions_name_is_shown_and_cannot_be_paused(gateway: Gateway, cli: Cli) -> None:
    seen = {"worker": "a", "breaker": "closed", "calls": 4, "failed": 0, "took_ms": 9, "last_reason": None}
    gateway.services.seen.learn({"connection": "10.0.0.7:80", **seen, "at_ms": gateway.services.now_ms()})
    assert "10.0.0.7:80" in (await cli("show", "10.0.0.7:80")).output
    refused = await cli("pause", "10.0.0.7:80", "--why", "x")
    assert "connections.yaml" in str(refused.exception) and gateway.outbox.records == []
