"""Workflows that start by time: once for each time, whatever the clock does."""

from __future__ import annotations

import msgspec
import pytest

from schemas.catalogue import current
from schemas.codec import Codec
from schemas.ids import instance_id
from schemas.messages import INSTANCE_OUTCOME, WORKFLOW_DEFINITION
from schemas.samples import sample
from schemas.times import rfc3339
from streams.definitions import DEFINITIONS, outcome_topic
from streams.definitions.deploy import described
from streams.definitions.states import State, Word
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
  {{dsl: 1.0.3, namespace: test, name: tick, version: {version}, metadata: {{schedule: {{misfire: {misfire}}}}}}}
schedule: {schedule}
do:
  - note: {{set: {{seen: true}}}}
"""


class Clock:
    """The processor on the table of its lane, with a clock that goes as it is told."""

    def __init__(self) -> None:
        self.book, self.table, self.now_ms = empty_book(), Table(), START_MS
        self.processor = Schedules(context(CODEC, definitions=self.book))
        self.started: list[float] = []  # minutes after the start
        self.handed_on: list[Output] = []

    def deploy(self, schedule: str, misfire: str = "once", version: str = "1.0.0") -> None:
        yaml = YAML.format(schedule=schedule, misfire=misfire, version=version)
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
def clock() -> Clock:
    return Clock()


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
