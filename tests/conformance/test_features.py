"""Scenarios of the specification's conformance kit, in words of ours, on the processors in memory."""

from __future__ import annotations

from typing import Any

from streams.catalogue import load_settings
from streams.local import Report, run_locally
from streams.processors import ALL
from tests.support.definitions import load

DOCUMENT = "document: {dsl: '1.0.3', namespace: default, name: scenario, version: '1.0.0'}\ndo:\n"


async def executed(tasks: str, data: Any = None) -> Report:
    return await run_locally(load(DOCUMENT + tasks), {} if data is None else data, {}, load_settings({}), ALL)


async def test_of_branches_that_compete_one_sets_the_output() -> None:
    colours = ("red", "green", "blue")
    branches = "".join(
        f"        - set-{each}: {{set: {{colors: '${{ .colors + [\"{each}\"] }}'}}}}\n" for each in colours
    )
    report = await executed(f"- race:\n    fork:\n      compete: true\n      branches:\n{branches}")
    assert report.status == "completed"
    assert len(report.output["colors"]) == 1
