"""`exlify site diff`, against a gateway over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.cli import group
from streams.ground.errors import UsageError
from streams.ground.settings import Settings
from tests.support.gateways import YAML, AsyncGateway, Gateway


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    there = tmp_path / "there"
    there.mkdir()
    (there / "connections.yaml").write_text("erp: http://erp.example.com\nold: http://old.example.com\n")
    async with AsyncGateway(Settings(data_dir=tmp_path / "gateway", site_dir=there)) as running:
        yield running


@pytest.fixture
def here(tmp_path: Path) -> Path:
    folder = tmp_path / "here"
    (folder / "workflows").mkdir(parents=True)
    (folder / "workflows" / "order.yaml").write_text(YAML)
    (folder / "connections.yaml").write_text("erp: http://erp.example.org\nnew: http://new.example.com\n")
    return folder


async def compared(gateway: Gateway, here: Path, *more: str) -> Result:
    arguments = ["site", "diff", "--against", str(gateway.client.make_url("")), *more]
    environ = {"EXLIFY_SITE_DIR": str(here), "EXLIFY_DATA_DIR": str(here / "data")}
    return await asyncio.to_thread(CliRunner(env=environ).invoke, group, arguments)


async def states(gateway: Gateway, here: Path) -> tuple[int, dict[str, str]]:
    told = await compared(gateway, here, "--json")
    return told.exit_code, {each["name"]: each["state"] for each in json.loads(told.output)["parts"]}


async def test_what_would_change_is_told_and_nothing_is(gateway: Gateway, here: Path) -> None:
    assert await states(gateway, here) == (1, {"order": "same", "erp": "changed", "new": "new", "old": "only there"})
    assert "http://erp.example.org, there http://erp.example.com" in (await compared(gateway, here)).output
    assert gateway.outbox.records == []


@pytest.mark.parametrize(
    ("text", "name", "state", "code"),
    [
        (YAML.replace("1.0.0", "1.1.0"), "order", "changed", 1),
        (YAML.replace("seen: true", "seen: false"), "order", "taken", 1),
        (YAML.replace("name: order", "name: bill"), "bill", "new", 1),
        (YAML.replace("set:", "sett:"), "order.yaml", "faulty", 2),
    ],
)
async def test_definition_of_here_is_compared_with_what_is_deployed(
    gateway: Gateway, here: Path, text: str, name: str, state: str, code: int
) -> None:
    (here / "workflows" / "order.yaml").write_text(text)
    found = await states(gateway, here)
    assert (found[0], found[1][name]) == (code, state)


async def test_folder_without_workflows_is_refused(gateway: Gateway, tmp_path: Path) -> None:
    assert isinstance((await compared(gateway, tmp_path)).exception, UsageError)
