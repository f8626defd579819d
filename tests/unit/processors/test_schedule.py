"""Workflows that start by time: once for each time, whatever the clock does."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from schemas.catalogue import current
from schemas.codec import Codec
from schemas.ids import instance_id
from schemas.messages import INSTANCE_OUTCOME, VERSION_REMOVED, WORKFLOW_DEFINITION
from schemas.samples import sample
from schemas.times import rfc3339
from streams.definitions import DEFINITIONS, outcome_topic
from streams.definitions.deploy import described
from streams.definitions.states import State, Word
from streams.ground.settings import Settings
from streams.processors.orchestrate import INBOX
from streams.processors.schedule import ENDED
from streams.processors.schedule.processor import SOURCE, Schedules
from streams.runtime.processor import Message, Output, Record
from tests.support.contexts import context
from tests.support.definitions import empty_book, load
from tests.support.tables import Table

CODEC = Codec.offline()
START_MS = 1_790_000_000_000
MINUTE = 60_000
YAML = """
document:
  {{dsl: 1.0.3, namespace: test, name: tick, version: {version}, metadata: {{schedule: {{misfire: {misfire}{more}}}}}}}
schedule: {schedule}
do:
  - note: {{set: {{seen: true}}}}
"""


class Clock:
    """The processor on the table of its lane, with a clock that goes as it is told."""

    def __init__(self, site: Path) -> None:
        self.book, self.table, self.now_ms = empty_book(), Table(), START_MS
        self.context = context(CODEC, Settings(site_dir=site), self.book)
        self.processor = Schedules(self.context)
        self.started: list[float] = []  # minutes after the start
        self.handed_on: list[Output] = []

    def deploy(self, schedule: str, misfire: str = "once", version: str = "1.0.0", more: str = "") -> None:
        yaml = YAML.format(schedule=schedule, misfire=misfire, version=version, more=more)
        said = described(load(yaml), yaml, "test", self.now_ms)
        self.book.learn(said)
        self.handle(DEFINITIONS.name, WORKFLOW_DEFINITION, said)

    def handle(self, topic: str, name: str, data: dict[str, object]) -> None:
        record = Record(topic, 0, 0, self.now_ms, b"tick", CODEC.encode(name, data))
        _, decoded = CODEC.decode(record.value or b"")
        effects = self.processor.handle([Message(record, name, decoded)], self.table)
        self.table.apply(effects)
        self.handed_on += effects.outputs

    def passes(self, minutes: float, *, crash: bool = False) -> None:
        """Time passes in steps of a minute or less, as long as it goes forward; a crash is before the changelog."""
        end_ms = self.now_ms + int(minutes * MINUTE)
        while self.now_ms < end_ms:
            self.now_ms = min(end_ms, self.now_ms + MINUTE)
            self.look(crash=crash)
        self.now_ms = end_ms

    def look(self, *, crash: bool = False) -> None:
        """All rows whose time has come are offered."""
        for key, row in list(self.table.rows.items()):
            if 0 < row.due_ms <= self.now_ms:
                effects = self.processor.on_due(key, row, self.now_ms)
                if crash:
                    assert self.processor.on_due(key, row, self.now_ms) == effects
                self.table.apply(effects)
                for each in effects.outputs:
                    _, start = CODEC.decode(each.value or b"")
                    assert each.topic == INBOX
                    assert start["data"].value() == {"scheduledAt": start["event_id"]}
                    self.started.append((start["time_ms"] - START_MS) / MINUTE)

    def ended(self, event_id: str, minute: int, instance: str | None = None) -> None:
        """An instance has ended."""
        data = sample(current()[INSTANCE_OUTCOME]) | {
            "workflow": "tick", "source": SOURCE, "event_id": event_id, "ended_at_ms": START_MS + minute * MINUTE,
            "instance_id": instance or instance_id("tick", SOURCE, event_id),
        }  # fmt: skip
        self.handle(outcome_topic("tick").name, INSTANCE_OUTCOME, data)
        for each in self.handed_on:
            assert each.topic == ENDED
            self.handle(ENDED.name, *CODEC.decode(each.value or b""))
        self.handed_on.clear()


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path)


def test_each_time_starts_one_instance_also_through_a_crash(clock: Clock) -> None:
    clock.deploy("{every: {minutes: 5}}")
    clock.passes(16, crash=True)
    assert clock.started == [5, 10, 15]


def test_schedule_that_stays_goes_on_over_a_new_version_and_one_that_changes_begins_anew(clock: Clock) -> None:
    clock.deploy("{every: {minutes: 5}}")
    clock.passes(7)
    clock.deploy("{every: {minutes: 5}}", version="1.1.0")
    clock.passes(4)
    clock.deploy("{every: {minutes: 2}}", version="1.2.0")
    clock.passes(4)
    assert clock.started == [5, 10, 13, 15]


@pytest.mark.parametrize(("misfire", "found"), [("once", [60]), ("all", list(range(5, 61, 5))), ("skip", [60])])
def test_clock_that_jumps_forward_misses_by_the_policy(clock: Clock, misfire: str, found: list[int]) -> None:
    clock.deploy("{every: {minutes: 5}}", misfire)
    clock.now_ms += 60 * MINUTE
    clock.look()
    assert clock.started == found
    clock.passes(5)
    assert clock.started == [*found, 65]


def test_what_is_missed_by_far_is_skipped_where_that_is_wanted(clock: Clock) -> None:
    clock.deploy("{every: {minutes: 5}}", "skip")
    clock.now_ms += 63 * MINUTE
    clock.look()
    clock.passes(3)
    assert clock.started == [65]


def test_clock_that_jumps_back_starts_nothing_twice(clock: Clock) -> None:
    clock.deploy("{every: {minutes: 5}}")
    clock.passes(11)
    clock.now_ms -= 60 * MINUTE
    clock.passes(65)
    assert clock.started == [5, 10, 15]


def test_removed_version_changes_no_schedule_and_is_no_letter(clock: Clock) -> None:
    clock.deploy("{every: {minutes: 5}}")
    removed = sample(current()[VERSION_REMOVED]) | {"name": "tick"}
    clock.handle(DEFINITIONS.name, VERSION_REMOVED, removed)
    assert clock.handed_on == []
    clock.passes(6)
    assert clock.started == [5]


def test_times_of_a_workflow_that_is_not_active_pass(clock: Clock) -> None:
    clock.deploy("{every: {minutes: 5}}")
    for state, minutes in ((State.PAUSED, 7), (State.ACTIVE, 4)):
        word = Word(name="tick", state=state, why="x", actor="y", at_ms=1)
        clock.book.learn_state(msgspec.structs.asdict(word))
        clock.passes(minutes)
    assert clock.started == [10]


def test_next_run_begins_a_while_after_the_end_of_the_one_before(clock: Clock) -> None:
    clock.deploy("{after: {minutes: 10}}")
    clock.look()
    assert clock.started == [0]
    clock.passes(30)
    assert clock.started == [0]
    clock.ended("of another run", 30)
    clock.ended(rfc3339(START_MS), 25, instance="ab" * 16)  # the same case, which somebody has run once more
    clock.ended(rfc3339(START_MS), 30)
    clock.ended(rfc3339(START_MS), 31)  # told twice
    clock.passes(15)
    assert clock.started == [0, 40]


def test_cron_starts_at_its_times(clock: Clock) -> None:
    clock.now_ms -= clock.now_ms % (60 * MINUTE)
    clock.deploy("{cron: '*/20 * * * *'}")
    first = (clock.now_ms - START_MS) / MINUTE
    clock.passes(61)
    assert [round(each - first, 6) for each in clock.started] == [20, 40, 60]


BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = "office: {zone: Europe/Berlin, hours: ['09:00-11:00'], holidays: [2026-12-25]}"
IN_OFFICE = ", timeZone: Europe/Berlin, calendar: office"


def berlin(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp() * 1_000)


def shown(clock: Clock) -> list[str]:
    """When it has started, by the clock of Berlin."""
    times = (datetime.fromtimestamp((START_MS + each * MINUTE) / 1_000, BERLIN) for each in clock.started)
    return [f"{each:%d %H:%M%z}" for each in times]


@pytest.mark.parametrize(
    ("schedule", "found"),
    [
        ("{cron: '0 * * * *'}", ["24 09:00+0100", "24 10:00+0100", "28 09:00+0100", "28 10:00+0100"]),
        ("{every: {hours: 1}}", ["24 09:00+0100", "24 10:00+0100", "28 09:00+0100", "28 10:00+0100"]),
        ("{cron: '30 9 * * *'}", ["24 09:30+0100", "28 09:30+0100"]),
        ("{cron: '0 11 * * *'}", []),
    ],
)
def test_times_on_a_holiday_a_weekend_and_outside_of_the_hours_are_left_out(
    tmp_path: Path, schedule: str, found: list[str]
) -> None:
    (tmp_path / "calendars.yaml").write_text(OFFICE)
    clock = Clock(tmp_path)
    clock.now_ms = berlin("2026-12-24T07:00")
    clock.deploy(schedule, more=IN_OFFICE)
    clock.passes(5 * 24 * 60, crash=True)
    assert shown(clock) == found


def test_holiday_that_is_added_counts_at_once_and_a_calendar_that_is_gone_leaves_nothing_out(tmp_path: Path) -> None:
    file = tmp_path / "calendars.yaml"
    file.write_text(OFFICE.replace("2026-12-25", ""))
    clock = Clock(tmp_path)
    clock.now_ms = berlin("2026-12-24T07:00")
    clock.deploy("{cron: '0 10,12 * * *'}", more=IN_OFFICE)
    clock.passes(24 * 60)
    for text in (OFFICE, ""):
        file.write_text(text)
        clock.context.site.look()
        clock.context.site.look()
        clock.passes(24 * 60)
    assert shown(clock) == ["24 10:00+0100", "26 10:00+0100", "26 12:00+0100"]


@pytest.mark.parametrize(
    ("day", "cron", "found"),
    [
        ("2026-03-29T00:00", "30 * * * *", ["29 01:30+0100", "29 03:30+0200"]),
        ("2026-03-29T00:00", "30 2,5 * * *", ["29 03:00+0200"]),  # an hour that is not there, made up for at its end
        ("2026-10-25T00:00", "30 * * * *", ["25 01:30+0200", "25 02:30+0200", "25 02:30+0100", "25 03:30+0100"]),
        ("2026-10-25T00:00", "30 2,5 * * *", ["25 02:30+0200"]),
    ],
)
def test_working_hours_follow_the_clock_where_it_is_changed(
    tmp_path: Path, day: str, cron: str, found: list[str]
) -> None:
    (tmp_path / "calendars.yaml").write_text("night: {zone: Europe/Berlin, days: [sun], hours: ['01:00-04:00']}")
    clock = Clock(tmp_path)
    clock.now_ms = berlin(day)
    clock.deploy(f"{{cron: '{cron}'}}", more=", timeZone: Europe/Berlin, calendar: night")
    clock.passes(24 * 60)
    assert shown(clock) == found


@pytest.mark.parametrize(
    ("misfire", "found"), [("once", ["24 10:40+0100"]), ("all", ["24 10:20+0100", "24 10:40+0100"]), ("skip", [])]
)
def test_clock_that_jumps_over_the_end_of_work_misses_only_working_time(
    tmp_path: Path, misfire: str, found: list[str]
) -> None:
    (tmp_path / "calendars.yaml").write_text(OFFICE)
    clock = Clock(tmp_path)
    clock.now_ms = berlin("2026-12-24T10:10")
    clock.deploy("{cron: '*/20 * * * *'}", misfire, more=IN_OFFICE)
    clock.now_ms += 60 * MINUTE
    clock.look()
    assert shown(clock) == found
    clock.now_ms -= 60 * MINUTE  # and back
    clock.passes(60)
    assert shown(clock) == found
