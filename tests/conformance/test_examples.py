"""Every example of the specification has a verdict: it runs as its text says, or is refused with a reason."""

from __future__ import annotations

import pytest

from schemas.cloudevents import CloudEvent
from streams.catalogue import load_settings
from streams.language.faults import errors_of
from streams.local import run_locally
from streams.mocked import mocks_of
from streams.processors import ALL
from tests.conformance import triples
from tests.conformance.examples import EXAMPLES, HEAD
from tests.support.definitions import check, load

FOLDER = triples.FOLDER.parent / "open-workflow" / "examples"


@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"{FOLDER} isn't there")
def test_verdict_on_the_example_itself_is_the_same() -> None:
    verdicts = {file.stem: errors_of(check(file.read_text())) for file in FOLDER.glob("*.yaml")}
    assert verdicts.keys() <= EXAMPLES.keys()
    assert {name for name, faults in verdicts.items() if not faults} == {
        name for name in verdicts if EXAMPLES[name].status
    }


@pytest.mark.parametrize("name", [name for name, each in EXAMPLES.items() if each.code])
def test_example_is_refused_with_its_reason(name: str) -> None:
    faults = [fault for fault in check(HEAD + EXAMPLES[name].text) if fault.severity == "error"]
    assert {fault.code for fault in faults} == {EXAMPLES[name].code}
    assert all(fault.message and fault.remedy for fault in faults)


@pytest.mark.parametrize("name", [name for name, each in EXAMPLES.items() if each.status])
async def test_example_runs_as_its_text_says(name: str) -> None:
    each = EXAMPLES[name]
    events = [
        CloudEvent({"specversion": "1.0", "source": "/tests", "id": str(number), "type": event["type"]}, event["data"])
        for number, event in enumerate(each.events)
    ]
    report = await run_locally(
        load(HEAD + each.text), each.data, {}, load_settings({}), ALL,
        mocks=mocks_of(each.mocks, name), virtual_time=True, events=events,
    )  # fmt: skip
    assert report.status == each.status, report.error
    if each.error:
        assert report.error is not None and report.error["instance"] == each.error
    if each.output is not None:
        assert report.output == each.output
