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

STEP = """
from streams.steps import step


@step("shop.price")
def price(item: str) -> int:
    return len(item)
"""


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
    found = {"order": "same", "erp": "changed", "new": "new", "old": "only there", "connections.yaml": "changed"}
    assert await states(gateway, here) == (1, found)
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


async def test_all_that_the_folder_holds_is_compared(gateway: Gateway, here: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    for name, mine, theirs in (
        ("mappings/same.yaml", "a: 1", "a: 1"),
        ("mappings/order.yaml", "a: 1", "a: 2"),
        ("rules/limits.yaml", "a: 1", None),
        ("templates/thanks.html", None, "Thanks."),
        ("channels.yaml", "a: 1", "a: 2"),
        ("steps/own.py", STEP, "2"),
        ("steps/__pycache__/own.py", "1", None),
        ("secrets/key", "s3cret", "other"),
        ("mappings/.draft.yaml", "a: 1", None),
    ):
        for folder, text in ((here, mine), (there, theirs)):
            if text is not None:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(text)
    _, found = await states(gateway, here)
    assert {name: state for name, state in found.items() if "." in name and name != "connections.yaml"} == {
        "mappings/same.yaml": "same", "mappings/order.yaml": "changed", "rules/limits.yaml": "new",
        "templates/thanks.html": "only there", "channels.yaml": "changed", "steps/own.py": "changed",
    }  # fmt: skip
