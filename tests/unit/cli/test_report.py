"""`exlify report` and the metrics beside it: each figure is what a count of the history by itself gives."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from schemas.catalogue import current
from schemas.messages import HISTORY_ENTRY, HUMAN_TASK, INCIDENT, MODEL_WATCH, REPAIR_STEP, RETRY_STATE
from schemas.samples import sample
from streams.console import install
from streams.ground.settings import Settings
from streams.processors.view.business import Business
from streams.processors.view.day_cases import DayCases
from tests.support.clocked import PROBLEM, Clocked
from tests.support.command_line import Cli, beside
from tests.support.consoles import Console
from tests.support.contexts import context
from tests.support.gateways import AsyncGateway, Gateway
from tests.support.stories import START_MS

YAML = """
document: {dsl: 1.0.3, namespace: test, name: claim, version: 1.0.0}
do:
  - fetch: {call: http, with: {method: get, endpoint: 'http://127.0.0.1:1/a'}}
  - choose: {switch: [{small: {when: .small, then: end}}, {large: {then: ask}}]}
  - ask: {call: human, with: {team: risk, title: Look at it, outcomes: [approve, decline]}}
"""
FETCH, ASK = "/do/0/fetch", "/do/2/ask"
SMALL, LARGE = {"small": True}, {"small": False}
NOW_MS = START_MS + 1_000_000
SINCE = "2026-09-21T14:13:20Z"  # START_MS


class Claims:
    """Instances, one after the other, and what the view has seen of each."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway, self.entries, self._number = gateway, [], 0  # type: ignore[var-annotated]

    def story(self, second: int, version: str = "1.0.0") -> Clocked:
        self._number += 1
        told = Clocked(YAML.replace("1.0.0", version), f"{self._number:032x}")
        self.gateway.services.definitions.learn(told.definition)
        told.at(second).start({})
        return told

    def end(self, told: Clocked, second: int, output: Any) -> None:
        told.at(second).result(FETCH, output)

    def see(self, told: Clocked) -> None:
        self.entries += told.entries
        for entry in told.entries:
            self.gateway.see(HISTORY_ENTRY, entry)
        for incident in told.incidents:
            self.gateway.see(INCIDENT, incident)

    def beside(self, name: str, told: Clocked, pointer: str) -> None:
        """What another processor has written about a step of the instance."""
        whole = sample(current()[name])
        step = {"instance_id": told.instance_id, "pointer": pointer, "task_id": f"{told.instance_id}{pointer}/0/0"}
        self.gateway.see(name, whole | {field: value for field, value in step.items() if field in whole})

    def by_instance(self) -> list[list[dict[str, Any]]]:
        """The entries of each."""
        found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for entry in self.entries:
            found[entry["instance_id"]].append(entry)
        return list(found.values())

    def counted(self, version: str) -> dict[str, Any]:
        """The same figures from the records of history alone."""
        by_instance: dict[str, list[dict[str, Any]]] = {}
        for entry in self.entries:
            if entry["version"] == version:
                by_instance.setdefault(entry["instance_id"], []).append(entry)
        phases = {
            name: [(each["phase"], each["pointer"]) for entry in entries for each in entry["transitions"]]
            for name, entries in by_instance.items()
        }
        done = [name for name, entries in by_instance.items() if entries[-1]["status"] == "completed"]
        took = sorted(by_instance[name][-1]["at_ms"] - by_instance[name][0]["at_ms"] for name in done)
        mended = ("task.retried", "incident.opened")
        return {
            "started": len(by_instance),
            "completed": len(done),
            "without_people": sum(("task.started", ASK) not in phases[name] for name in done),
            "first_time_right": sum(not any(phase in mended for phase, _ in phases[name]) for name in done),
            "mean_ms": round(sum(took) / len(took)),
            "median_ms": took[len(took) // 2],
        }


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    settings = Settings(data_dir=tmp_path / "gateway")
    async with AsyncGateway(settings, install, clock=lambda: NOW_MS / 1_000) as running:
        yield running


@pytest.fixture
def claims(gateway: Gateway) -> Claims:
    made = Claims(gateway)
    for second in range(3):  # alone, in 10, 20 and 30 seconds
        told = made.story(second)
        made.end(told, second + 10 * (second + 1), SMALL)
        made.see(told)
    asked = made.story(100)
    made.end(asked, 104, LARGE)
    asked.at(300).result(ASK, {"outcome": "approve"})
    made.see(asked)
    made.beside(HUMAN_TASK, asked, ASK)
    tried = made.story(110)
    tried.at(111).retrying(FETCH, due_s=115)
    made.end(tried, 116, SMALL)
    made.see(tried)
    made.beside(RETRY_STATE, tried, FETCH)
    stopped = made.story(120)
    stopped.at(121).fault(FETCH, **PROBLEM, instance=FETCH, effect="none")
    repair = {"incident": stopped.incidents[0]["number"], "action": "retry", "actor": "kim", "why": "up again"}
    stopped.at(131)._take(REPAIR_STEP, {"repair_id": "r", **repair})
    stopped.at(133).result(FETCH, SMALL, attempt=1)
    made.see(stopped)
    cancelled, still_open, other = made.story(140), made.story(150), made.story(160, "2.0.0")
    cancelled.at(141).cancel("gone", "kim")
    for told in (cancelled, still_open):
        made.see(told)
    made.end(other, 162, SMALL)
    made.see(other)
    return made


@pytest.fixture
def cli(gateway: Gateway, tmp_path: Path) -> Cli:
    return beside(gateway, tmp_path, "report", COLUMNS="200")


async def test_figures_are_those_of_history(gateway: Gateway, claims: Claims, cli: Cli) -> None:
    old, new = json.loads((await cli("--since", SINCE, "--json")).output)["workflows"]
    for told in (old, new):
        counted = claims.counted(told["version"])
        assert {name: told[name] for name in counted} == counted
    assert (old["started"], old["completed"], old["cancelled"], old["open"], old["faulted"]) == (8, 6, 1, 1, 0)
    assert (old["without_people"], old["first_time_right"]) == (5, 4)
    assert (old["automation_rate"], old["first_time_right_rate"]) == (round(5 / 6, 4), round(4 / 6, 4))
    by = {"systems": 60 + 4 + 2 + 3 + 1 + 850, "people": 196, "retries": 4, "repair": 10}
    assert old["by"] == {way: 1_000 * seconds for way, seconds in by.items()}
    assert (old["working_ms"], old["waiting_ms"]) == (old["by"]["systems"], 210_000)
    _, answer = await gateway.ask("GET", "/v1/report")
    assert answer["workflows"][0]["started"] == 8


async def test_people_read_it_as_a_table(claims: Claims, cli: Cli) -> None:
    told = (await cli("--since", SINCE)).output.splitlines()
    assert "83.3%" in told[2] and "66.7%" in told[2] and told[2].startswith("claim")
    assert "There are none" in (await cli("--since", "2027-01-01T00:00:00Z")).stderr


async def test_metrics_tell_the_same(gateway: Gateway, claims: Claims) -> None:
    def value(name: str, **labels: str) -> float | None:
        return REGISTRY.get_sample_value(name, {"workflow": "claim", "version": "1.0.0", **labels})

    business = Business(gateway.services.reader)
    business.look(NOW_MS)
    counted = claims.counted("1.0.0")
    assert value("exlify_day_without_people") == counted["without_people"]
    assert value("exlify_day_first_time_right") == counted["first_time_right"]
    assert value("exlify_day_instance_seconds") == counted["mean_ms"] / 1_000
    assert value("exlify_day_instances", status="completed") == counted["completed"]
    business.look(NOW_MS + 2 * 86_400_000)
    assert value("exlify_day_instances", status="completed") is None


@pytest.mark.parametrize("second", [90, 400, 1_000, 1_900])
def test_completed_of_each_window_are_told_by_whether_anybody_was_asked(
    gateway: Gateway, claims: Claims, second: int
) -> None:
    at_ms = START_MS + second * 1_000
    Business(gateway.services.reader).look(at_ms)
    wanted: Counter[tuple[str, str]] = Counter()
    for entries in claims.by_instance():
        asked = any((each["phase"], each["pointer"]) == ("task.started", ASK)
                    for entry in entries for each in entry["transitions"])  # fmt: skip
        ended_s = (at_ms - entries[-1]["at_ms"]) / 1_000
        if entries[-1]["status"] == "completed" and entries[0]["at_ms"] < at_ms:
            for window, seconds in {"5m": 300, "30m": 1_800, "1h": 3_600, "6h": 21_600}.items():
                wanted[window, "yes" if asked else "no"] += ended_s <= seconds
    assert sum(wanted.values()) > 0
    for window in ("5m", "30m", "1h", "6h"):
        for answer in ("yes", "no"):
            labels = {"workflow": "claim", "window": window, "asked": answer}
            assert REGISTRY.get_sample_value("exlify_recent_completed", labels) == wanted[window, answer], labels


async def test_time_of_each_step_is_a_metric(gateway: Gateway, claims: Claims, tmp_path: Path) -> None:
    def values() -> dict[tuple[str, str], float]:
        series = next(each for each in REGISTRY.collect() if each.name == "exlify_day_step_seconds")
        return {(each.labels["step"], each.labels["way"]): each.value for each in series.samples
                if (each.labels["workflow"], each.labels["version"]) == ("claim", "1.0.0")}  # fmt: skip

    ours = gateway.services
    days = DayCases(ours.reader, context(ours.codec, Settings(data_dir=tmp_path), ours.definitions))
    await days.look(NOW_MS)
    _, report = await gateway.ask("GET", f"/v1/report?since={SINCE}")
    (told,) = [each for each in report["workflows"] if each["version"] == "1.0.0"]
    wanted = {(step["name"], way): took for step in told["steps"] for way, took in step["by"].items()}
    assert wanted and {key: round(value * 1_000 * told["looked_at"]) for key, value in values().items()} == wanted
    await days.look(NOW_MS + 2 * 86_400_000)
    assert values() == {}


async def test_page_has_the_figures_as_charts_and_is_saved_as_one_file(gateway: Gateway, claims: Claims) -> None:
    console = Console(gateway)
    data = await console.data("/report")
    assert data["workflows"][0]["automation_rate"] == round(5 / 6, 4)
    _, page = await console.get("/report?since=7d")
    assert page.count('<svg class="chart"') == 5 and "83.3%" in page and 'save=yes" download' in page
    async with gateway.client.get("/report?since=7d&save=yes", headers={"Accept": "text/html"}) as response:
        saved, disposition = await response.text(), response.headers["Content-Disposition"]
    assert disposition == 'attachment; filename="report-7d-2026-09-21.html"'
    assert saved.count('<svg class="chart"') == 5 and "<style>" in saved
    assert not re.findall(r'(?:src|href)="', saved)


async def test_cost_is_a_metric_once_something_is_declared_to_cost(
    gateway: Gateway, claims: Claims, tmp_path: Path
) -> None:
    def value() -> float | None:
        return REGISTRY.get_sample_value("exlify_day_cost", {"workflow": "claim", "version": "1.0.0"})

    ours = gateway.services
    site = tmp_path / "priced"
    site.mkdir()
    settings = Settings(data_dir=tmp_path, site_dir=site)
    await DayCases(ours.reader, context(ours.codec, settings, ours.definitions)).look(NOW_MS)
    assert value() is None
    (site / "teams.yaml").write_text("risk: {minute: 0.5, minutes: 4}\n")
    costs = DayCases(ours.reader, context(ours.codec, settings, ours.definitions))
    await costs.look(NOW_MS)
    phases = [each for entry in claims.entries if entry["version"] == "1.0.0" for each in entry["transitions"]]
    asked = sum((each["phase"], each["pointer"]) == ("task.started", ASK) for each in phases)
    assert asked and value() == pytest.approx(2.0 * asked / 8)
    await costs.look(NOW_MS + 2 * 86_400_000)
    assert value() is None


async def test_models_stand_beside_what_they_promise(gateway: Gateway, cli: Cli) -> None:
    usual = sample(current()[MODEL_WATCH]) | {"route": "approve", "audits": 200, "target": 0.05, "at_ms": NOW_MS - 1}
    for model, wrong, alarmed_ms in (("risk", 5, None), ("support", 24, NOW_MS - 1)):
        own = {"watch_id": model, "model": model, "model_version": "2", "wrong": wrong, "alarmed_ms": alarmed_ms}
        gateway.see(MODEL_WATCH, usual | own)
    gateway.see(MODEL_WATCH, usual | {"watch_id": "old", "model": "old", "at_ms": NOW_MS - 2 * 86_400_000})
    told = (await cli("--since", SINCE)).output.splitlines()
    assert [line.split() for line in told if line.startswith(("risk", "support", "old"))] == [
        ["risk", "2", "approve", "200", "5", "2.5%", "5.0%", "well"],
        ["support", "2", "approve", "200", "24", "12.0%", "5.0%", "alarm"],
    ]
    page = (await Console(gateway).get("/report"))[1]
    assert "12.0 %" in page and "alarm: more are wrong than allowed" in page and "<td>old</td>" not in page
