"""The alerts speak of metrics that exist, with labels that they have, and each says what to do."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.prometheus import TARGETS_FILE
from streams import catalogue
from streams.cli import SUMMARIES
from streams.ground import settings
from streams.ground.setting import specs
from tests.support.offered import offered, written
from tests.support.series import ALL_RULES, CONFIG, FOLDER, RULES, SERIES, kept_labels

RUNBOOKS = FOLDER.parent / "runbooks"
PAGES = sorted(RUNBOOKS.glob("Exlify*.md"))
FIRING = FOLDER / "firing_test.yml"
every_rule = pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.get("alert") or rule["record"])
every_alert = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])


def _series_in(expression: str) -> set[str]:
    return set(re.findall(r"\bexlify[_:][\w:]+|\bup\b", expression))


@every_rule
def test_alert_asks_for_declared_metrics_only(rule: Mapping[str, Any]) -> None:
    named = _series_in(rule["expr"])
    assert named
    assert named <= SERIES.keys()


@every_rule
def test_alert_uses_labels_that_its_metrics_have(rule: Mapping[str, Any]) -> None:
    known = set.union(*(SERIES[name] for name in _series_in(rule["expr"])))
    selected = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", rule["expr"])
    shown = re.findall(r"\$labels\.(\w+)", " ".join(rule.get("annotations", {}).values()))
    kept = kept_labels(rule["expr"])
    assert {*selected, *shown, *kept} <= known
    assert not kept or set(shown) <= kept


@every_alert
def test_alert_says_what_is_wrong_and_what_to_do(rule: Mapping[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert rule["annotations"].keys() == {"summary", "action", "runbook"}
    text = " ".join(rule["annotations"].values())
    assert set(re.findall(r"`exlify (\w+)", text)) <= set(SUMMARIES)
    variables = {spec.variable for group in catalogue.GROUPS for spec in specs(group).values()}
    assert set(re.findall(r"EXLIFY_\w+", text)) <= variables


@every_alert
def test_alert_has_its_runbook_and_was_seen_firing(rule: Mapping[str, Any]) -> None:
    assert rule["annotations"]["runbook"] == f"infra/runbooks/{rule['alert']}.md"
    assert (RUNBOOKS / f"{rule['alert']}.md").exists()
    assert f'alertname="{rule["alert"]}"' in FIRING.read_text()


def test_runbook_has_its_alert() -> None:
    assert {page.stem for page in PAGES} == {rule["alert"] for rule in RULES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_runbook_names_what_there_is(page: Path) -> None:
    text = page.read_text()
    parts = re.findall(r"^(#.*|\*\*.*\*\*)$", text, re.MULTILINE)
    assert parts == [f"# {page.stem}", "**How to look**", "**What to do**"]
    variables = {spec.variable for group in catalogue.GROUPS for spec in specs(group).values()}
    assert set(re.findall(r"EXLIFY_\w+", text)) <= variables
    assert _series_in(" ".join(re.findall(r"`(exlify_\w+)`", text))) <= SERIES.keys()
    assert [name for name in re.findall(r"\]\((\w+\.md)\)", text) if not (RUNBOOKS / name).exists()] == []
    for words in written(text):
        offered(words)


def test_configuration_finds_rules_and_targets() -> None:
    assert [name for name in CONFIG["rule_files"] if not (FOLDER / name).exists()] == []
    (file,) = CONFIG["scrape_configs"][0]["file_sd_configs"][0]["files"]
    assert (FOLDER / file).resolve() == FOLDER.parents[1] / settings.Settings().data_dir / TARGETS_FILE


COUNTS_FROM_THE_SECOND = {"exlify_rebalances_total"}  # its alert means many; the first does not matter


@every_alert
def test_alert_sees_a_counter_that_begins(rule: Mapping[str, Any]) -> None:
    """The first count begins its series, and a beginning is no increase: a series without a past counts whole."""
    grown = set(re.findall(r"(?:rate|increase)\((exlify_\w+_total)", rule["expr"])) - COUNTS_FROM_THE_SECOND
    begun = set(re.findall(r"unless\s+(exlify_\w+_total)(?:\{[^}]*\})? offset", rule["expr"]))
    assert grown == begun


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not here")
def test_alerts_fire_when_they_should() -> None:
    tests = [FOLDER / "alerts_test.yml", FOLDER / "slo_test.yml", FIRING]
    done = subprocess.run(["promtool", "test", "rules", *tests], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
