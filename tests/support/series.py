"""The rules for Prometheus, and every time series that there can be, with its labels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from infra.local import jmx
from streams import catalogue

FOLDER = Path(__file__).parents[2] / "infra" / "prometheus"
CONFIG: Mapping[str, Any] = YAML(typ="safe").load(FOLDER / "prometheus.yml")
ALL_RULES = [
    rule
    for file in CONFIG["rule_files"]
    for group in YAML(typ="safe").load(FOLDER / file)["groups"]
    for rule in group["rules"]
]
RULES = [rule for rule in ALL_RULES if "alert" in rule]
RECORDS = [rule for rule in ALL_RULES if "record" in rule]
OF_JAVA = {"rest_requests_seconds_count": ("path",), "jvm_memory_used_bytes": ("area",)}
"""What the registry, and Java beneath both servers, tell of themselves, as far as it is shown."""
OF_THE_TARGET = {"job", "instance", "process"}
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


def _labels_by_series() -> dict[str, set[str]]:
    """Names of all time series that our processes can show, with their labels."""
    found = {"up": set(OF_THE_TARGET)}
    for metric in catalogue.METRICS:
        (family,) = metric.describe()
        for suffix in SUFFIXES[family.type]:
            extra = {"le"} if suffix == "_bucket" else set()
            # The names that a metric was declared with are told by no public member.
            found[family.name + suffix] = {*metric._labelnames, *extra, *OF_THE_TARGET}
    for series in jmx.configuration()["rules"]:
        found[series["name"]] = {*series.get("labels", ()), *OF_THE_TARGET}
    found |= {name: {*labels, *OF_THE_TARGET} for name, labels in OF_JAVA.items()}
    return found | {rule["record"]: kept_labels(rule["expr"]) for rule in RECORDS}


def kept_labels(expression: str) -> set[str]:
    """Labels that an expression leaves."""
    return {name.strip() for names in re.findall(r"\bby \(([^)]*)\)", expression) for name in names.split(",")}


SERIES = _labels_by_series()
