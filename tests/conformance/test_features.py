"""Scenarios of the specification's conformance kit, in words of ours, on the processors in memory."""

from __future__ import annotations

from typing import Any

import pytest

from schemas import problems
from streams.catalogue import load_settings
from streams.local import Report, run_locally
from streams.mocked import mocks_of
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


async def test_emitted_event_is_the_output() -> None:
    data = "{text: '${ \"Hello \\(.name)!\" }'}"
    event = f"{{source: 'https://source.example.com', type: com.example.greeted.v1, data: {data}}}"
    report = await executed(f"- greet: {{emit: {{event: {{with: {event}}}}}}}", {"name": "Ada"})
    assert report.status == "completed"
    assert report.output.keys() >= {"id", "specversion", "time", "source", "type", "data"}
    assert (report.output["source"], report.output["type"]) == ("https://source.example.com", "com.example.greeted.v1")
    assert report.output["data"] == {"text": "Hello Ada!"}


@pytest.mark.parametrize(("status", "ends"), [(404, "completed"), (503, "faulted")])
async def test_error_is_caught_if_it_is_meant(status: int, ends: str) -> None:
    tasks = (
        "- look:\n    try: [{get: {call: http, with: {method: get, endpoint: {uri: 'https://pets.example.com/{name}'}}}}]\n"
        f"    catch:\n      errors: {{with: {{type: '{problems.COMMUNICATION}', status: {status}}}}}\n      as: err\n"
        "      do: [{tell: {set: {error: '${ $err }'}}}]\n"
    )
    mocks = mocks_of({"get": [{"error": {"reason": "NOT_FOUND"}}]}, "scenario")
    report = await run_locally(
        load(DOCUMENT + tasks), {"name": "Milou"}, {}, load_settings({}), ALL, mocks=mocks, virtual_time=True
    )
    assert report.status == ends
    if ends == "completed":
        assert report.output["error"].keys() >= {"type", "status", "title"}
        assert report.output["error"]["instance"] == "/do/0/look/try/0/get"
