"""Every way through a delivery that has failed: its supplier, the trader, a planner; in virtual time, and once with the
systems of the sandbox."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import streams.workflows
from infra.sandbox.server import running
from streams.catalogue import processors
from streams.ground.settings import Settings
from streams.local import Report, run_locally
from streams.mocked import Mocks, mocks_of
from streams.processors.call.connections import ConnectionSettings
from streams.processors.human.local import Answer
from tests.support.definitions import BUNDLED, load

TEXT = (Path(next(iter(streams.workflows.__path__))) / "supply-chain-exception.yaml").read_text(encoding="utf-8")
FAILED = {"delivery_id": "D-1", "part": "valve", "quantity": 40, "needed_by": "2026-12-01", "plant": "p@example.org"}
AWAY = {"error": {"reason": "UNREACHED"}}
REFUSED = {"error": {"reason": "INPUT_INVALID"}}
DOUBT = {"error": {"reason": "OUTCOME_UNKNOWN", "effect": "unknown"}}
CONFIRMED = {"output": {"order": "F-1", "confirmed_for": "2026-12-01"}}
TRADED = {"output": {"confirmation": {"number": "T-1", "day": "in ten days"}}}


async def handled(planner: Iterable[Answer] = (), **answers: Any) -> Report:
    said = {"orderReplacement@1": [REFUSED], "informPlant": [{"output": {"status": "queued"}}]}
    said |= {name.replace("foundry", "orderReplacement").replace("trader", "orderReplacement@1"): each
             for name, each in answers.items()}  # fmt: skip
    mocks: Mocks = mocks_of(said, "mocks")
    return await _run(FAILED, planner, Settings(), mocks)


async def _run(data: dict[str, Any], planner: Iterable[Answer], settings: Settings, mocks: Mocks | None) -> Report:
    declared, people = tuple(processors(BUNDLED).values()), {"orderReplacement": list(planner)}
    report = await run_locally(
        load(TEXT), data, people, settings, declared, BUNDLED, mocks=mocks, virtual_time=True
    )  # fmt: skip
    assert report.status == "completed", report.error
    return report


def test_the_policy_is_at_most_fifteen_lines() -> None:
    (policy,) = re.findall(r"( +)recovery:\n((?:\1 +.*\n)+)", TEXT)
    assert len(policy[1].splitlines()) < 15


@pytest.mark.parametrize("failures", [0, 1, 4])
async def test_the_supplier_is_asked_up_to_five_times(failures: int) -> None:
    report = await handled(foundry=[AWAY] * failures + [CONFIRMED])
    assert (report.output["decision"], report.output["order"], report.output["day"]) == (
        "replaced", "F-1", "2026-12-01",
    )  # fmt: skip


@pytest.mark.parametrize("said", [[AWAY] * 5 + [CONFIRMED], [REFUSED, CONFIRMED]])
async def test_the_trader_is_asked_where_the_supplier_is_away_or_refuses(said: list[Any]) -> None:
    report = await handled(foundry=said, trader=[TRADED])
    assert (report.output["order"], report.output["day"]) == ("T-1", "in ten days")


@pytest.mark.parametrize("decision", ["postpone", "cancel"])
async def test_where_nobody_delivers_a_planner_decides(decision: str) -> None:
    report = await handled([Answer(decision)], foundry=[AWAY], trader=[AWAY])
    assert (report.output["decision"], report.output["order"]) == (decision, None)


async def test_what_a_planner_names_is_ordered_the_same_way() -> None:
    again = Answer("again", {"part": "tap", "quantity": 4})
    report = await handled([again], foundry=[REFUSED, CONFIRMED])
    assert [report.output[name] for name in ("part", "quantity", "order")] == ["tap", 4, "F-1"]


async def test_in_doubt_nobody_orders_twice_and_the_planner_decides() -> None:
    report = await handled([Answer("postpone")], foundry=[DOUBT], trader=[TRADED])
    assert report.output["decision"] == "postpone"


@pytest.mark.parametrize(("quantity", "order"), [(500, "F-"), (501, "T-"), (2_001, None)])
async def test_with_the_systems_of_the_sandbox(tmp_path: Path, quantity: int, order: str | None) -> None:
    async with running(tmp_path) as addresses:
        settings = Settings(data_dir=tmp_path).with_(ConnectionSettings(urls=addresses))
        report = await _run({**FAILED, "quantity": quantity}, [Answer("cancel")], settings, None)
    found = report.output["order"]
    assert (found is None) if order is None else found.startswith(order)
