"""The read model: what is on the topics can be found, once, in its newest state."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from sqlalchemy import Engine, create_engine

from schemas.catalogue import current
from schemas.codec import Codec
from schemas.messages import DECISION, HISTORY_ENTRY, HUMAN_TASK, INCIDENT, STEP_RESULT
from schemas.samples import sample
from schemas.times import rfc3339
from streams.ground.errors import ConfigurationError, UnavailableError, UsageError
from streams.ground.settings import Settings
from streams.processors import ALL
from streams.processors.orchestrate import HISTORY
from streams.processors.view.ages import Ages
from streams.processors.view.processor import View
from streams.processors.view.reader import Reader
from streams.readmodel import presentation
from streams.readmodel.database import open_database
from streams.readmodel.paging import encode_cursor
from streams.readmodel.projection import METADATA, Received, projections
from streams.readmodel.settings import ViewSettings, read_model_url
from streams.readmodel.writer import Writer
from streams.runtime import fast_lane
from streams.runtime.crash import CrashPoint
from streams.runtime.fast_lane import FastLane
from streams.runtime.lane import STANDS_S
from streams.runtime.processor import Message, NotYet, Record, StateView
from streams.runtime.reader import Partition
from streams.runtime.threads import Aside
from streams.runtime.together import Together
from tests.support.contexts import context
from tests.support.data import payload
from tests.support.lanes import ROOMY, Flow, Outside, running, until
from tests.support.postgresql import Server
from tests.support.waiting import PATIENCE_S

CODEC = Codec.offline()
ROWS = projections(ALL)
START_MS = 1_790_000_000_000
WORKFLOW = "onboarding"


class NoState:
    """A processor without a table has no rows."""

    def get(self, key: bytes) -> None:
        return None


STATE: StateView = NoState()


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    if request.param == "sqlite":
        return Settings(data_dir=tmp_path)
    server: Server = request.getfixturevalue("postgresql")
    clear(create_engine(server.url))
    return Settings(data_dir=tmp_path).with_(ViewSettings(url=server.url))


def clear(engine: Engine) -> None:
    METADATA.drop_all(engine)
    METADATA.create_all(engine)


@pytest.fixture
async def view(settings: Settings) -> AsyncIterator[View]:
    view = View(context(CODEC, settings))
    await view.open()
    yield view
    await view.close()


@pytest.fixture
def reader(settings: Settings, view: View) -> Reader:
    return Reader(open_database(settings, ROWS))


def entry(instance: int, seq: int, status: str = "running", **changes: Any) -> Message:
    cause = CODEC.encode(
        STEP_RESULT,
        {
            "instance_id": f"{instance:032x}",
            "pointer": "/do/0/ask",
            "iteration": 0,
            "attempt": 0,
            "status": "completed",
            "output": payload({"answer": 42}),
            "error": None,
        },
    )
    moved = {"pointer": "/do/0/ask", "iteration": 0, "attempt": 0, "phase": "task.completed", "data": payload({"a": 1})}
    data = {
        "instance_id": f"{instance:032x}",
        "seq": seq,
        "at_ms": START_MS + 1_000 * instance + seq,
        "workflow": WORKFLOW,
        "version": "1.0.0",
        "digest": "d" * 64,
        "status": status,
        "business_key": f"A-{instance}",
        "cause": cause,
        "transitions": [moved],
    }
    return framed(HISTORY_ENTRY, data | changes)


def task(number: int, version: int = 1, **changes: Any) -> Message:
    data = sample(current()[HUMAN_TASK]) | {
        "task_id": f"{number:032x}/do/1/review/0/0",
        "instance_id": f"{number:032x}",
        "team": "credit",
        "status": "open",
        "version": version,
        "created_at_ms": START_MS + number,
        "updated_at_ms": START_MS + number,
    }
    return framed(HUMAN_TASK, data | changes)


def framed(name: str, data: dict[str, Any]) -> Message:
    value = CODEC.encode(name, data)
    return Message(Record(HISTORY.name, 0, 0, START_MS, None, value, ()), *CODEC.decode(value))


def raw(value: bytes | None) -> Message:
    return Message(Record(HISTORY.name, 0, 0, START_MS, None, value, ()), "", {})


def statuses(reader: Reader) -> dict[str, str]:
    return {row["instance_id"][-1]: row["status"] for row in reader.instances({}).rows}


def test_newest_entry_of_a_batch_wins(view: View, reader: Reader) -> None:
    view.handle([entry(1, 0), entry(1, 1, "waiting"), entry(1, 2, "completed")], STATE)
    (row,) = reader.instances({}).rows
    assert (row["status"], row["seq"], row["business_key"]) == ("completed", 2, "A-1")
    assert row["updated_at_ms"] - row["started_at_ms"] == 2


def test_older_batch_that_comes_again_changes_nothing(view: View, reader: Reader) -> None:
    older, newer = [entry(1, 0), entry(1, 1, "waiting")], [entry(1, 2, "completed")]
    view.handle(older, STATE)
    view.handle(newer, STATE)
    before = (reader.instances({}), reader.history(f"{1:032x}"))
    view.handle(older, STATE)
    assert (reader.instances({}), reader.history(f"{1:032x}")) == before


@settings_of_hypothesis(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(st.integers(0, 5), min_size=1), min_size=1))
def test_any_order_of_delivery_gives_the_same_rows(settings: Settings, batches: list[list[int]]) -> None:
    engine = open_database(settings, ROWS)
    clear(engine)
    writer = Writer(engine, ROWS)
    for batch in batches:
        values = [entry(1, seq).record.value or b"" for seq in batch]
        writer.write(Received(*CODEC.decode(value), value) for value in values)
    seen = {seq for batch in batches for seq in batch}
    reader = Reader(engine)
    assert [row["seq"] for row in reader.history(f"{1:032x}")] == sorted(seen)
    assert [row["seq"] for row in reader.instances({}).rows] == [max(seen)]
    engine.dispose()


def test_instances_are_found_by_what_they_are(view: View, reader: Reader) -> None:
    view.handle([entry(1, 0, "faulted"), entry(2, 0, workflow="other"), entry(3, 0)], STATE)

    def found(**filters: str) -> list[str]:
        return [row["business_key"] for row in reader.instances(filters).rows]

    assert found() == ["A-3", "A-2", "A-1"]
    assert found(status="faulted") == ["A-1"]
    assert found(workflow="other", status="running") == ["A-2"]
    assert found(business_key="A-3") == ["A-3"]
    since = reader.instances({}, since_ms=START_MS + 2_000, until_ms=START_MS + 3_000).rows
    assert [row["business_key"] for row in since] == ["A-2"]


def test_pages_neither_repeat_nor_skip_rows(view: View, reader: Reader) -> None:
    view.handle([entry(number, 0, at_ms=START_MS + number // 3) for number in range(10)], STATE)
    cursor, keys = None, []
    while True:
        page = reader.instances({}, limit=3, cursor=cursor)
        keys += [row["business_key"] for row in page.rows]
        view.handle([entry(90 + len(keys), 0)], STATE)  # a newer one arrives while somebody turns pages
        cursor = page.next
        if cursor is None:
            break
    assert keys == [f"A-{number}" for number in (9, 8, 7, 6, 5, 4, 3, 2, 1, 0)]


@pytest.mark.parametrize("cursor", ["?", "bm9udW1iZXI6eA", "é", encode_cursor(2**63, "a"), encode_cursor(1, "\0")])
def test_foreign_cursor_is_refused(reader: Reader, cursor: str) -> None:
    with pytest.raises(UsageError, match="cursor"):
        reader.instances({}, cursor=cursor)


def test_tasks_come_oldest_first_in_newest_version(view: View, reader: Reader) -> None:
    done = task(1, 2, status="completed", updated_at_ms=START_MS + 50)
    view.handle([task(2), task(1), done], STATE)
    view.handle([task(1)], STATE)
    listed = [(row["instance_id"][-1], row["status"]) for row in reader.tasks({}).rows]
    assert listed == [("1", "completed"), ("2", "open")]
    assert [row["instance_id"][-1] for row in reader.tasks({"team": "credit", "status": "open"}).rows] == ["2"]


def test_refusal_is_visible_without_a_new_version(view: View, reader: Reader) -> None:
    refusal = {"action_id": "a", "reason": "STALE_VERSION", "detail": "no", "at_ms": START_MS}
    view.handle([task(1)], STATE)
    view.handle([task(1, refusals=[refusal], updated_at_ms=START_MS + 9)], STATE)
    row = reader.task(f"{1:032x}/do/1/review/0/0")
    assert row is not None and CODEC.decode(row["message"])[1]["refusals"] == [refusal]


def test_forgotten_task_stays_readable(view: View, reader: Reader) -> None:
    view.handle([task(1)], STATE)
    effects = view.handle([raw(None)], STATE)
    assert (effects.outputs, len(reader.tasks({}).rows)) == ([], 1)


def test_decisions_are_found_by_instance(view: View, reader: Reader) -> None:
    decision = sample(current()[DECISION]) | {"instance_id": f"{7:032x}", "route": "approve"}
    view.handle([framed(DECISION, decision), framed(DECISION, decision)], STATE)
    assert [row["route"] for row in reader.decisions(f"{7:032x}")] == ["approve"]


def test_character_that_no_column_takes_is_left_out(view: View, reader: Reader) -> None:
    view.handle([entry(1, 0, business_key="A\0-1")], STATE)
    assert [row["business_key"] for row in reader.instances({"business_key": "A\0-1"}).rows] == ["A-1"]


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_missing_database_makes_the_batch_wait(view: View, settings: Settings) -> None:
    database = settings.data_dir / "view.sqlite"
    while not database.is_dir():  # whoever asks in the background makes a file of that name anew
        for file in settings.data_dir.glob("view.sqlite*"):
            file.unlink(missing_ok=True)
        with suppress(FileExistsError):
            database.mkdir()
    view._engine.dispose()  # type: ignore[union-attr]  # as when the connection is lost
    with pytest.raises(NotYet):
        view.handle([entry(1, 0)], STATE)


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
def test_stopped_server_makes_the_batch_wait_until_it_is_back(view: View, reader: Reader, postgresql: Server) -> None:
    view.handle([entry(1, 0)], STATE)
    postgresql.stop()
    with pytest.raises(NotYet):
        view.handle([entry(1, 1, "completed")], STATE)
    postgresql.start()
    view.handle([entry(1, 1, "completed")], STATE)
    assert statuses(reader) == {"1": "completed"}


async def test_database_that_stands_still_holds_up_its_lane_alone(
    view: View, settings: Settings, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fast_lane, "TICK_S", 0.01)
    aside = Aside("view")
    lane = FastLane(view, 0, Outside(), CODEC, Flow(), None, ROOMY, CrashPoint(), together=Together(view, aside))
    first = entry(1, 0).record
    with create_engine(read_model_url(settings)).connect() as somebody:
        on_sqlite = somebody.dialect.name == "sqlite"
        somebody.exec_driver_sql("BEGIN IMMEDIATE" if on_sqlite else "LOCK TABLE instances IN ACCESS EXCLUSIVE MODE")
        async with running(lane):
            lane.deliver(Partition(first.topic, 0), [first])
            await until(lambda: "read model" in str(lane.stands(time.monotonic() + STANDS_S + 1)))
            assert lane.committable() == {Partition(first.topic, 0): 0}
            somebody.rollback()
            await until(lambda: lane.committable() == {Partition(first.topic, 0): 1})
    aside.close()
    assert statuses(reader) == {"1": "running"}


async def test_view_names_a_database_that_is_gone(view: View, settings: Settings, tmp_path: Path) -> None:
    assert await view.causes() == []
    assert view._engine is not None
    if settings.of(ViewSettings).url:
        METADATA.drop_all(view._engine)
        with view._engine.begin() as connection:  # somebody else has a table there, which says nothing
            connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS of_somebody_else (id int)")
    else:
        (tmp_path / "view.sqlite").unlink()
    async with asyncio.timeout(PATIENCE_S):
        while not (causes := await view.causes()):
            await asyncio.sleep(0.05)
    assert [cause.part for cause in causes] == ["read model"]


async def test_history_entry_tells_its_cause_to_people(view: View, reader: Reader) -> None:
    view.handle([entry(1, 0, "waiting")], STATE)
    (row,) = reader.history(f"{1:032x}")
    shown = orjson.loads(presentation.dumps(await presentation.history_entry(CODEC, row)))
    assert (shown["seq"], shown["at"], shown["status"]) == (0, "2026-09-21T14:13:21.000Z", "waiting")
    assert (shown["cause"]["kind"], shown["cause"]["output"]) == ("StepResult", {"answer": 42})
    assert shown["transitions"][0]["phase"] == "task.completed" and shown["transitions"][0]["data"] == {"a": 1}


async def test_unreadable_cause_does_not_hide_the_entry() -> None:
    value = entry(1, 0, cause=b"junk").record.value
    assert value is not None
    assert (await presentation.history_entry(CODEC, {"message": value}))["cause"]["kind"] is None


@pytest.mark.parametrize("url", ["mysql://x/y", "no url", "oracle://x"])
def test_unfit_database_address_names_its_setting(url: str) -> None:
    with pytest.raises(ConfigurationError, match="EXLIFY_VIEW_URL"):
        open_database(Settings().with_(ViewSettings(url=url)), ROWS)


def test_unusable_database_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "view.sqlite").mkdir()
    with pytest.raises(UnavailableError, match=r"view\.sqlite"):
        open_database(Settings(data_dir=tmp_path), ROWS)


@pytest.mark.parametrize(
    ("at_ms", "text"),
    [(0, "1970-01-01T00:00:00.000Z"), (1_790_000_000_005, "2026-09-21T14:13:20.005Z"), (2**62, str(2**62))],
)
def test_time_that_no_calendar_has_stays_a_number(at_ms: int, text: str) -> None:
    assert rfc3339(at_ms) == text


def test_oldest_open_instance_of_each_workflow_is_found(view: View, reader: Reader) -> None:
    view.handle([entry(1, 0, "completed"), entry(2, 0, "waiting"), entry(3, 0), entry(4, 0, workflow="other")], STATE)
    assert reader.oldest() == {WORKFLOW: START_MS + 2_000, "other": START_MS + 4_000}


def test_what_has_not_moved_for_longest_is_found_among_what_runs(view: View, reader: Reader) -> None:
    view.handle([entry(1, 0), entry(2, 0, "waiting"), entry(3, 0)], STATE)
    assert reader.idlest() == {WORKFLOW: START_MS + 1_000}
    view.handle([entry(1, 5)], STATE)
    assert reader.idlest() == {WORKFLOW: START_MS + 1_005}
    assert [row["updated_at_ms"] for row in reader.idle(START_MS + 3_000, 9)] == [START_MS + 1_005]
    assert [row["updated_at_ms"] for row in reader.idle(START_MS + 3_001, 1)] == [START_MS + 1_005]
    assert len(reader.idle(START_MS + 3_001, 9)) == 2
    view.handle([entry(1, 6, "waiting")], STATE)
    assert reader.idlest() == {WORKFLOW: START_MS + 3_000}
    view.handle([entry(1, 7, "undoing")], STATE)
    assert reader.idlest() == {WORKFLOW: START_MS + 1_007}


def test_an_undo_that_does_not_get_on_is_found(view: View, reader: Reader) -> None:
    view.handle([entry(1, 0), entry(2, 3, "undoing"), entry(3, 0, "undoing")], STATE)
    assert reader.slowest_undos() == {WORKFLOW: START_MS + 2_003}
    view.handle([entry(2, 4, "cancelled")], STATE)
    assert reader.slowest_undos() == {WORKFLOW: START_MS + 3_000}


async def test_age_is_measured_until_the_instance_ends(view: View, reader: Reader) -> None:
    ages = Ages(reader)
    view.handle([entry(1, 0)], STATE)
    ages.look(START_MS + 61_000)
    assert REGISTRY.get_sample_value("exlify_oldest_instance_seconds", {"workflow": WORKFLOW}) == 60
    view.handle([entry(1, 1, "completed")], STATE)
    ages.look(START_MS + 62_000)
    assert REGISTRY.get_sample_value("exlify_oldest_instance_seconds", {"workflow": WORKFLOW}) is None


async def test_what_waits_for_people_is_counted_by_team_until_it_is_done(view: View, reader: Reader) -> None:
    def shown() -> list[float | None]:
        names = ("exlify_tasks_open", "exlify_tasks_overdue", "exlify_oldest_task_seconds")
        return [REGISTRY.get_sample_value(name, {"team": "desk"}) for name in names]

    ages = Ages(reader)
    about = sample(current()[HUMAN_TASK]) | {"team": "desk", "status": "open", "version": 1}
    for number, due_ms in ((1, None), (2, START_MS + 5_000), (3, START_MS + 9_000)):
        task = about | {"task_id": f"{number}", "created_at_ms": START_MS + number * 1_000, "due_ms": due_ms}
        view.handle([framed(HUMAN_TASK, task)], STATE)
    ages.look(START_MS + 6_000)
    assert shown() == [3, 1, 5]
    for number in (1, 2, 3):
        view.handle([framed(HUMAN_TASK, about | {"task_id": f"{number}", "version": 2, "status": "completed"})], STATE)
    ages.look(START_MS + 6_000)
    assert shown() == [None, None, None]


async def test_age_of_the_oldest_incident_is_measured_until_it_is_decided(view: View, reader: Reader) -> None:
    ages = Ages(reader)
    about = sample(current()[INCIDENT]) | {"workflow": WORKFLOW, "opened_at_ms": START_MS, "status": "open"}
    about |= {"reason": "UNREACHED", "owner": "desk"}
    for seq, status, age in ((1, "open", 7), (2, "retried", None)):
        view.handle([framed(INCIDENT, about | {"seq": seq, "status": status})], STATE)
        ages.look(START_MS + 7_000)
        assert REGISTRY.get_sample_value("exlify_oldest_incident_seconds", {"workflow": WORKFLOW}) == age
        labels = {"workflow": WORKFLOW, "reason": "UNREACHED", "owner": "desk"}
        assert REGISTRY.get_sample_value("exlify_incidents_open", labels) == (1 if status == "open" else None)
