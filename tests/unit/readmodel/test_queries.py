"""Rows can be asked with SQL: the queries of the page run on both databases and find what is there."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from schemas.catalogue import current
from schemas.codec import Codec
from schemas.messages import DECISION, HISTORY_ENTRY, HUMAN_TASK, INCIDENT, START_INSTANCE
from schemas.payload import Payload
from schemas.samples import sample
from streams.ground.settings import Settings
from streams.processors.view.processor import View
from streams.processors.view.reader import Reader
from streams.processors.view.report import figures
from streams.readmodel.projection import METADATA
from streams.readmodel.settings import ViewSettings, read_model_url
from streams.runtime.processor import Message, Record
from tests.support.contexts import context
from tests.support.data import payload
from tests.support.postgresql import Server

CODEC = Codec.offline()
PAGE = (Path(__file__).parents[3] / "streams" / "README.md").read_text()
QUERIES = re.findall(r"^```sql\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
INSTANCE = f"{7:032x}"
WORKFLOW = "customer-onboarding"
DAY_MS = 86_400_000
STARTED_MS = 20_000 * DAY_MS


class NoState:
    def get(self, key: bytes) -> None:
        return None


@pytest.fixture(params=["sqlite", "postgresql"])
async def view(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[View]:
    settings = Settings(data_dir=tmp_path)
    if request.param == "postgresql":
        server: Server = request.getfixturevalue("postgresql")
        METADATA.drop_all(create_engine(server.url))
        settings = settings.with_(ViewSettings(url=server.url))
    view = View(context(CODEC, settings))
    await view.open()
    yield view
    await view.close()


def told(name: str, **changes: Any) -> Message:
    about = {"instance_id": INSTANCE, "workflow": WORKFLOW}
    whole = sample(current()[name])
    value = CODEC.encode(name, whole | {field: each for field, each in (about | changes).items() if field in whole})
    return Message(Record("any", 0, 0, 0, None, value, ()), *CODEC.decode(value))


def entry(seq: int, status: str, data: Payload | None = None, cause: bytes = b"") -> Message:
    phase = "workflow.started" if seq == 0 else f"workflow.{status}"
    moved = {"pointer": "", "iteration": 0, "attempt": 0, "phase": phase, "data": data}
    at_ms = STARTED_MS + 1_000 * seq
    return told(HISTORY_ENTRY, seq=seq, status=status, cause=cause, transitions=[moved], at_ms=at_ms)


def start(data: Payload) -> bytes:
    return told(START_INSTANCE, data=data).record.value or b""


def answers(view: View, query: str) -> list[tuple[Any, ...]]:
    with create_engine(read_model_url(view._settings)).connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_queries_of_the_page_find_what_is_there(view: View) -> None:
    asked = payload({"applicationId": "A-1007", "nothing": "\0"})
    view.handle(
        [
            entry(0, "running", cause=start(asked)),
            told(DECISION, route="review", score=0.25),
            told(HUMAN_TASK, status="completed", outcome="approve", data=payload({"by": "hand"})),
            told(INCIDENT, status="open", function="erp.create", opened_at_ms=5),
            entry(1, "completed", payload({"decision": "approved"})),
        ],
        NoState(),
    )
    problem = sample(current()[INCIDENT])["error"]["title"]
    days, cases, decided, waiting = (answers(view, query) for query in QUERIES)
    assert [(day, status, count, float(seconds)) for day, status, count, seconds in days] == [
        (STARTED_MS // DAY_MS, "completed", 1, 1.0)
    ]
    assert cases == [(INSTANCE, "completed", "approved")]
    assert decided == [("approve", 1, 0.25, 0.25)]
    assert waiting == [(WORKFLOW, "erp.create", problem, 1, 5)]


@pytest.mark.parametrize("reverse", [False, True], ids=["in order", "the end first"])
def test_input_and_output_come_with_different_entries(view: View, reverse: bool) -> None:
    entries = [entry(0, "running", cause=start(payload({"a": 1}))), entry(3, "completed", payload([2]))]
    for each in reversed(entries) if reverse else entries:
        view.handle([each], NoState())
    view.handle(entries, NoState())
    found = answers(view, "SELECT input ->> 'a', output ->> 0 FROM instance_data")
    assert [tuple(map(str, row)) for row in found] == [("1", "2")]


@pytest.mark.parametrize("cause", [b"junk", b"\0\0\0\0\x07junk", b""], ids=["no frame", "another registry", "empty"])
def test_input_that_cannot_be_read_leaves_the_rest(view: View, cause: bytes) -> None:
    view.handle([entry(0, "running", cause=cause)], NoState())
    assert answers(view, "SELECT input, output FROM instance_data") == [(None, None)]
    assert answers(view, "SELECT status FROM instances") == [("running",)]


def test_payload_that_is_no_json_leaves_its_column_empty(view: View) -> None:
    view.handle([told(HUMAN_TASK, status="completed", data=Payload.inside(b"\x01sealed"))], NoState())
    assert answers(view, "SELECT status, data FROM tasks") == [("completed", None)]


def test_zero_characters_of_json_end_no_query(view: View) -> None:
    view.handle([told(HUMAN_TASK, data=payload({"a": "x\0y", "b": "\\u0000"}))], NoState())
    assert answers(view, "SELECT data ->> 'a', data ->> 'b' FROM tasks") == [("xy", "\\u0000")]


def test_report_asks_both_databases_alike(view: View) -> None:
    view.handle([entry(0, "running"), entry(1, "completed"), told(HUMAN_TASK, status="completed")], NoState())
    assert view._engine is not None
    (found,) = figures(Reader(view._engine), STARTED_MS, STARTED_MS + DAY_MS)
    assert (found.started, found.completed, found.open) == (1, 1, 0)
    assert (found.without_people, found.first_time_right) == (0, 1)
    assert (found.mean_ms, found.median_ms, found.slow_ms) == (1_000, 1_000, 1_000)
    assert figures(Reader(view._engine), STARTED_MS + 1, STARTED_MS + DAY_MS) == []
