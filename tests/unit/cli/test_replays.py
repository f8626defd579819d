"""`exlify replay` and `exlify replays`, against a gateway over HTTP."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from schemas.messages import HISTORY_ENTRY
from streams.cli import _replays
from streams.cli._client import Client
from streams.cli._replays import print_dry_run
from streams.ground.errors import UsageError
from streams.ground.settings import Settings
from streams.processors.replay.request import decode
from tests.support.command_line import Cli, beside
from tests.support.gateways import YAML, AsyncGateway, Gateway
from tests.support.histories import entry
from tests.support.replays import see_state, see_three


async def topics_there(settings: Settings) -> set[str]:
    return {"orders.v1"}


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    settings = Settings(data_dir=tmp_path / "gateway", site_dir=tmp_path)
    async with AsyncGateway(settings, topics_there=topics_there) as running:
        yield running


@pytest.fixture
def cli(gateway: Gateway, tmp_path: Path) -> Cli:
    return beside(gateway, tmp_path)


async def test_replay_is_asked_for_with_everything_that_was_said(gateway: Gateway, cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "candidate.yaml"
    file.write_text(YAML.replace("1.0.0", "1.0.1"))
    asked = ("--offsets", "0:5-9", "--where", ".total > 3", "--rate", "5", "--name", "band", "--as", "kim")
    begun = await cli("replay", "orders.v1", "--definition", str(file), "--outcome", "faulted", *asked)
    assert (begun.exit_code, "exlify replays show band" in begun.output) == (0, True), begun.output
    ((_, action),) = gateway.outbox.decoded()
    request = decode(action["request"])
    assert (request.offsets, request.where, request.rate, request.outcomes) == (
        ((0, 5, 10),), ".total > 3", 5.0, ("faulted",),
    )  # fmt: skip
    assert ("1.0.1" in request.definitions["order"].yaml, action["actor"]) == (True, "kim")


def test_dry_run_tells_what_is_no_event(capsys: pytest.CaptureFixture[str]) -> None:
    told = {"held": 9, "gone": 0, "looked_at": 9, "unreadable": 7, "meant": 2, "whole": True, "sample": []}
    print_dry_run(told, as_json=False)
    assert re.search(r"^unreadable +7$", capsys.readouterr().out, re.MULTILINE)
    print_dry_run(told | {"unreadable": 0}, as_json=False)
    assert "unreadable" not in capsys.readouterr().out


async def test_times_may_be_so_long_ago(gateway: Gateway, cli: Cli) -> None:
    assert (await cli("replay", "orders.v1", "--since", "2h", "--until", "1h")).exit_code == 0
    request = decode(gateway.outbox.decoded()[0][1]["request"])
    assert request.since_ms is not None and request.until_ms is not None
    assert abs(request.until_ms - request.since_ms - 3_600_000) < 60_000


async def test_effects_are_asked_about_once_more(gateway: Gateway, cli: Cli) -> None:
    assert (await cli("replay", "orders.v1", "--effects", "on", typed="n\n")).exit_code == 1
    assert gateway.outbox.records == []
    assert (await cli("replay", "orders.v1", "--effects", "on", "--yes")).exit_code == 0
    assert decode(gateway.outbox.decoded()[0][1]["request"]).effects == "on"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((), "Name the business topics"),
        (("orders.v1", "--offsets", "5"), "PARTITION:FIRST-LAST"),
        (("orders.v1", "--since", "soon"), "no time"),
        (("orders.v1", "--definition", "nowhere.yaml"), "no such file"),
        (("nothing.v1",), "no topic nothing.v1"),
    ],
)
async def test_wrong_use_is_told(cli: Cli, arguments: tuple[str, ...], word: str) -> None:
    told = await cli("replay", *arguments)
    assert word in f"{told.output}{told.exception}"


async def test_report_is_shown_and_every_cell_leads_to_its_events(gateway: Gateway, cli: Cli) -> None:
    see_three(gateway)
    assert "band" in (await cli("replays", "list")).output
    shown = (await cli("replays", "show", "band")).output
    assert "http /do/2/pay" in shown and "approve" in shown and "3 before, 2 after" in shown
    events = (await cli("replays", "show", "band", "--task", "check", "--after", "approve")).output
    assert "O-2" in events and "O-1" not in events
    report = json.loads((await cli("replays", "show", "band", "--json")).output)["report"]
    assert report["events"] == 3


async def test_waiting_for_its_end_says_by_its_code_whether_it_completed(gateway: Gateway, cli: Cli) -> None:
    asking = asyncio.create_task(cli("replay", "orders.v1", "--name", "band", "--wait"))
    while not gateway.outbox.records:
        await asyncio.sleep(0.01)
    see_state(gateway, status="failed", detail="the definition is not known")
    told = await asking
    assert (told.exit_code, "the definition is not known" in told.output) == (1, True)


def test_who_waits_is_told_once_what_a_replay_waits_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Seen(Client):
        """The view sees it late, then held up, then over."""

        def __init__(self) -> None:
            held_up = {"name": "band", "status": "running", "detail": "waits: 1000 records wait"}
            over = {"name": "band", "status": "completed", "detail": None}
            self.states = [[], [], [held_up], [held_up], [over]]

        def get(self, path: str, **query: Any) -> Any:
            return {"replays": self.states.pop(0)} if path == "/v1/replays" else {}

    monkeypatch.setattr(_replays, "LOOK_S", 0.0)
    monkeypatch.setattr(_replays, "LATE_S", -1.0)
    _replays.waited(Seen(), "band", as_json=True)
    lines = [f"! band: {_replays.NOT_TAKEN}", "! band: waits: 1000 records wait"]
    assert capsys.readouterr().err.splitlines() == lines


async def test_replay_is_told_how_to_go_on(gateway: Gateway, cli: Cli) -> None:
    see_state(gateway)
    for verb in ("pause", "resume", "cancel"):
        assert (await cli("replays", verb, "band", "--why", "month end")).exit_code == 0
    told = [(action["action"], action["why"]) for _, action in gateway.outbox.decoded()]
    assert told == [("pause", "month end"), ("resume", "month end"), ("cancel", "month end")]


async def test_instance_to_verify_is_named_as_everywhere(gateway: Gateway, cli: Cli) -> None:
    seen = entry(0)
    gateway.see(HISTORY_ENTRY, seen)
    told = await cli("replay", "--verify", "--instance", seen["instance_id"][:8])
    assert "1 instances folded again" in told.output
    for unknown in ("f" * 32, "f", "nothing"):
        assert isinstance((await cli("replay", "--verify", "--instance", unknown)).exception, UsageError)


async def test_nothing_recorded_is_nothing_that_differs(cli: Cli) -> None:
    told = await cli("replay", "--verify", "--workflow", "order")
    assert (told.exit_code, told.output) == (0, "0 instances folded again: 0 differ, 0 cannot be told\n")
