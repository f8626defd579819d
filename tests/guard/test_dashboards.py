"""Every panel asks for metrics that exist, by labels that they have, and every metric has a panel."""

from __future__ import annotations

import json
import re

import pytest

from infra.dashboards import boards, details
from infra.local import jmx
from streams import catalogue
from tests.support.series import OF_THE_TARGET, SERIES

QUERIES = sorted(
    {
        target["expr"]
        for board in boards().values()
        for panel in json.loads(board)["panels"]
        for target in panel.get("targets", ())
    }
)


@pytest.mark.parametrize("query", QUERIES)
def test_panel_asks_for_what_is_declared(query: str) -> None:
    named = set(re.findall(r"\b(?:exlify|kafka|rest|jvm)_\w+|\bup\b", query))
    assert named and named <= SERIES.keys()
    known = set.union(*(SERIES[name] for name in named))
    if "exlify_" in query:  # what is told by several processes is one thing; of a server its process is the name
        known -= OF_THE_TARGET
    grouped = {name.strip() for names in re.findall(r"\bby \(([^)]*)\)", query) for name in names.split(",")}
    assert {*grouped, *re.findall(r"(\w+)\s*(?:=~|!=|=)\s*\"", query)} <= known


def test_board_of_kafka_shows_all_that_the_broker_is_asked_for() -> None:
    told = {rule["name"] for rule in jmx.configuration()["rules"]}
    assert told == {name for query in QUERIES for name in re.findall(r"\bkafka_\w+", query)}


def test_every_metric_has_a_panel() -> None:
    shown = [panel.title for panels in details().values() for panel in panels]
    assert sorted(shown) == sorted(metric._name.removeprefix("exlify_") for metric in catalogue.METRICS)


def test_lines_are_called_by_labels_that_are_there() -> None:
    for board in boards().values():
        for panel in json.loads(board)["panels"]:
            for target in panel.get("targets", ()):
                assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= set(re.findall(r"\w+", target["expr"]))
