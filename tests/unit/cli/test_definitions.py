"""`exlify definitions`, against a gateway over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from schemas.messages import WORKFLOW_STATE
from streams.definitions.deploy import described
from streams.ground.errors import UsageError
from streams.ground.settings import Settings
from tests.support.command_line import Cli, beside
from tests.support.definitions import load
from tests.support.gateways import NOW_S, YAML, AsyncGateway, Gateway

NEXT = YAML.replace("1.0.0", "1.1.0").replace("seen: true", "seen: false")


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with AsyncGateway(Settings(data_dir=tmp_path / "gateway", site_dir=tmp_path)) as running:
        running.services.definitions.learn(described(load(NEXT), NEXT, "sam", NOW_S * 1_000))
        yield running


@pytest.fixture
def cli(gateway: Gateway, tmp_path: Path) -> Cli:
    return beside(gateway, tmp_path, "definitions")


async def test_workflow_is_paused_and_goes_back_to_a_version_before(gateway: Gateway, cli: Cli) -> None:
    paused = await cli("pause", "order", "--why", "wrong", "--as", "kim")
    assert (paused.exit_code, "order is paused" in paused.output) == (0, True)
    rows = (await cli("list")).output.splitlines()
    assert [line.split()[:3] for line in rows[1:]] == [["order", "1.0.0", "-"], ["order", "1.1.0", "paused"]]
    back = await cli("activate", "order", "--version", "1.0.0", "--why", "back", "--json")
    assert json.loads(back.output)["version"] == "1.0.0"
    said = [data for name, data in gateway.outbox.decoded() if name == WORKFLOW_STATE]
    assert [(each["state"], each["why"]) for each in said] == [("paused", "wrong"), ("active", "back")]
    assert said[0]["actor"] == "kim"


async def test_version_is_removed_by_its_name(cli: Cli) -> None:
    assert "WORKFLOW@VERSION" in str((await cli("remove", "order", "--why", "old")).exception)
    assert "in force" in str((await cli("remove", "order@1.1.0", "--why", "old")).exception)
    removed = await cli("remove", "order@1.0.0", "--why", "old", "--as", "kim")
    assert (removed.exit_code, "order 1.0.0 is removed; its history stays" in removed.output) == (0, True)
    rows = (await cli("list")).output.splitlines()
    assert [line.split()[1] for line in rows[1:]] == ["1.1.0"]
    shown = {line[:13].strip(): line[13:] for line in (await cli("show", load(YAML).digest)).output.splitlines()}
    assert (shown["removed by"], shown["why removed"]) == ("kim (unverified)", "old")


async def test_versions_are_compared_with_each_other_and_with_a_file(cli: Cli, tmp_path: Path) -> None:
    told = await cli("diff", "order", "1.0.0", "1.1.0")
    assert told.exit_code == 1
    assert "-  - note: {set: {seen: true}}" in told.output and "+  - note: {set: {seen: false}}" in told.output
    file = tmp_path / "order.yaml"
    file.write_text(NEXT)
    assert (await cli("diff", "order", str(file))).exit_code == 0
    assert isinstance((await cli("diff", "order", "9.9.9")).exception, UsageError)
    file.write_bytes(b"# caf\xe9\n")
    assert "not UTF-8" in str((await cli("diff", "order", str(file))).exception)


async def test_version_is_shown_with_its_source(cli: Cli) -> None:
    told = await cli("show", "order", "--version", "1.0.0")
    assert (told.exit_code, "another version is in force" in told.output, YAML.strip() in told.output) == (
        0,
        True,
        True,
    )
    assert (await cli("show", "order", "--source")).output == NEXT
