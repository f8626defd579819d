"""Events of paused workflows: held, let go in order on the version of that day, counted where it was retired."""

from __future__ import annotations

from contextlib import suppress

import msgspec
import pytest

from schemas.cloudevents import to_headers
from schemas.codec import Codec
from schemas.messages import GENERIC_EVENT, HELD_STARTS, RELEASE_STARTS
from streams.definitions.deploy import described
from streams.definitions.states import State, Word
from streams.ground.unread import Standing
from streams.language.graph import PRIORITIES
from streams.processors.hold import COUNTS, HELD
from streams.processors.hold import processor as hold_processor
from streams.processors.hold.processor import Hold
from streams.processors.intake import room
from streams.processors.intake.processor import Intake
from streams.processors.intake.room import Room
from streams.processors.orchestrate import INBOX
from streams.runtime.processor import Crowded, Message, Output, Record
from tests.support.contexts import context
from tests.support.definitions import empty_book, load
from tests.support.tables import Table

CODEC = Codec.offline()
NOW_MS = 1_790_000_000_000
TYPE = "com.example.order.v1"
YAML = """
document: {{dsl: 1.0.3, namespace: test, name: {name}, version: {version}, metadata: {{priority: {priority}}}}}
schedule:
  on: {{one: {{with: {{type: {kind}}}}}}}
do:
  - note: {{set: {{seen: true}}}}
"""


class Way:
    """Intake and hold on one partition, with one book; what hold writes for itself comes to it again."""

    def __init__(self) -> None:
        self.book = empty_book()
        made_with = context(CODEC, definitions=self.book)
        self.intake, self.hold, self.table = Intake(made_with), Hold(made_with), Table()
        self.started: list[tuple[str, str]] = []  # event and version
        self.told: list[int] = []
        self.now_ms = NOW_MS
        self.waiting = 0  # before the engine
        self._offset = 0

    def crowd(self, places: int) -> None:
        """From now on so many may be begun."""
        measure = lambda: {"orchestrate": Standing(1, self.waiting)}  # noqa: E731
        self.intake._room = self.hold._room = Room(places, measure)

    async def worked_off(self, left: int = 0) -> None:
        """Of all that was begun so much is left, and that has been seen."""
        self.waiting = left
        await self.hold._room.close()  # what was asked for before
        with suppress(Crowded):
            self.hold._room.ask(len(PRIORITIES))
        await self.hold._room.close()

    def deploy(self, name: str = "order", version: str = "1.0.0", priority: str = "normal", kind: str = TYPE) -> None:
        yaml = YAML.format(name=name, version=version, priority=priority, kind=kind)
        self.book.learn(described(load(yaml), yaml, "test", 1))

    def say(self, state: State, name: str = "order") -> None:
        word = Word(name=name, state=state, why="because", actor="kim", at_ms=NOW_MS)
        self.book.learn_state(msgspec.structs.asdict(word))

    def events(self, *ids: str, kind: str = TYPE) -> None:
        """They come in one batch."""
        batch = []
        for each in ids:
            headers = to_headers(
                {"specversion": "1.0", "id": each, "source": "/tests", "type": kind}, "application/avro"
            )
            record = self._record("business.event.generic.v1", each.encode(), b"", headers)
            batch.append(Message(record, GENERIC_EVENT, {"data": b"{}"}))
        self._take(self.intake.handle(batch, self.table).outputs)

    def offer(self) -> None:
        """All rows whose time has come are offered, as the runtime does it."""
        self._take(self.due())

    def due(self) -> list[Output]:
        rows = [(key, row) for key, row in self.table.rows.items() if row.due_ms]
        return [each for key, row in rows for each in self.hold.on_due(key, row, self.now_ms).outputs]

    def record(self, output: Output) -> Record:
        return self._record(HELD.name, output.key, output.value)

    def _record(self, topic: str, key: bytes | None, value: bytes | None, headers: object = ()) -> Record:
        self._offset += 1
        return Record(topic, 0, self._offset, self.now_ms, key, value, headers)  # type: ignore[arg-type]

    def _take(self, outputs: list[Output]) -> None:
        for each in outputs:
            name, data = CODEC.decode(each.value or b"")
            if each.topic == INBOX:
                self.started.append((data["event_id"], data["version"]))
            elif each.topic == COUNTS:
                assert name == HELD_STARTS
                self.told.append(data["waiting"])
            else:
                assert each.topic == HELD
                message = Message(self.record(each), name, data)
                self._take(self.table.apply(self.hold.handle([message], self.table)).outputs)


@pytest.fixture
def way() -> Way:
    way = Way()
    way.deploy()
    return way


def test_events_of_a_paused_workflow_wait_and_start_in_order_on_the_version_of_that_day(way: Way) -> None:
    way.say(State.PAUSED)
    way.events("1", "2", "3")
    way.offer()
    assert (way.started, way.told[-1]) == ([], 3)
    way.deploy(version="1.1.0")
    way.say(State.ACTIVE)
    way.events("4")  # does not wait for those before it
    way.offer()
    assert way.started == [("4", "1.1.0"), ("1", "1.1.0"), ("2", "1.1.0"), ("3", "1.1.0")]
    assert (way.told[-1], way.table.rows) == (0, {})


def test_nothing_is_let_go_while_it_is_paused_again(way: Way) -> None:
    way.say(State.PAUSED)
    way.events("1")
    way.say(State.ACTIVE)
    gate = next(row for row in way.table.rows.values() if row.due_ms)
    (asked,) = way.hold.on_due(b"", gate, NOW_MS).outputs
    way.say(State.PAUSED)
    way._take([asked])
    assert (way.started, way.told[-1]) == ([], 1)


def test_events_of_a_retired_workflow_start_nothing_also_those_that_waited(way: Way) -> None:
    way.say(State.PAUSED)
    way.events("1")
    way.say(State.RETIRED)
    way.events("2")
    way.offer()
    assert (way.started, way.told[-1], way.table.rows) == ([], 0, {})


def test_another_workflow_of_the_same_event_starts(way: Way) -> None:
    way.deploy("bill")
    way.say(State.PAUSED)
    way.events("1")
    assert len(way.started) == 1 and way.told == [1]
    way.say(State.ACTIVE)
    way.offer()
    assert len(way.started) == 2


def test_many_are_let_go_by_portions(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hold_processor, "PORTION", 2)
    way.say(State.PAUSED)
    way.events(*"abcde")
    way.say(State.ACTIVE)
    for _ in range(3):
        way.offer()
    assert [event for event, _ in way.started] == list("abcde")
    assert way.told[-3:] == [3, 1, 0]


@pytest.mark.parametrize("bound", ["PORTION", "PORTION_BYTES"])
def test_a_batch_lets_one_portion_go_however_long_it_takes(
    way: Way, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    monkeypatch.setattr(hold_processor, bound, 1)
    way.say(State.PAUSED)
    way.events(*"abcde")
    way.say(State.ACTIVE)
    let_go = []
    coming = way.due()
    while coming:
        batch = [Message(way.record(each), *CODEC.decode(each.value or b"")) for each in coming]
        outputs = way.table.apply(way.hold.handle(batch, way.table)).outputs
        let_go.append(sum(each.topic == INBOX for each in outputs))
        coming = [*(each for each in outputs if each.topic == HELD), *way.due()]
    assert let_go == [1] * 5


def test_a_portion_that_comes_again_after_a_crash_gives_the_same(way: Way) -> None:
    way.say(State.PAUSED)
    way.events("1", "2")
    way.say(State.ACTIVE)
    asked = Message(Record(HELD.name, 0, 99, NOW_MS, b"k", b""), RELEASE_STARTS, {"workflow": "order"})
    first = way.hold.handle([asked], way.table)
    assert way.hold.handle([asked], way.table) == first and len(first.outputs) == 3


URGENT = "com.example.alarm.v1"


@pytest.fixture
def ranked(way: Way, monkeypatch: pytest.MonkeyPatch) -> Way:
    """Orders have a low priority, alarms a high one, and eight may be begun."""
    monkeypatch.setattr(room, "LOOK_S", 0.0)
    way.deploy(version="1.1.0", priority="low")
    way.deploy("alarm", priority="high", kind=URGENT)
    way.crowd(8)
    return way


def started(way: Way) -> str:
    return "".join(event for event, _ in way.started)


async def test_when_there_is_too_much_who_has_a_higher_priority_begins_first(ranked: Way) -> None:
    ranked.events(*"abcdef")
    assert started(ranked) == "abcd", "a lower priority has half of the places"
    ranked.events(*"ABCD", kind=URGENT)
    assert started(ranked) == "abcdABCD"
    with pytest.raises(Crowded):
        ranked.events("E", kind=URGENT)
    await ranked.worked_off(left=4)
    ranked.offer()
    ranked.events("E", kind=URGENT)
    assert started(ranked) == "abcdABCDE"
    await ranked.worked_off()
    ranked.offer()
    assert (started(ranked)[9:], ranked.told[-1], ranked.table.rows) == ("ef", 0, {})


async def test_what_comes_while_others_still_wait_comes_behind_them(ranked: Way) -> None:
    ranked.events(*"abcdef")
    await ranked.worked_off(left=3)
    ranked.events("g")
    ranked.offer()
    assert started(ranked) == "abcde"
    await ranked.worked_off()
    ranked.offer()
    await ranked.worked_off()
    ranked.events("h")
    assert started(ranked) == "abcdefgh"


async def test_a_low_priority_is_not_starved_for_ever(ranked: Way) -> None:
    ranked.events(*"abcdefgh")
    for number in range(3):
        ranked.now_ms += 2_000
        await ranked.worked_off(left=8)
        ranked.offer()
        assert started(ranked) == "abcdefgh"[: 5 + number]
        ranked.offer()
        assert started(ranked) == "abcdefgh"[: 5 + number], "and no more in that time"


async def test_where_all_have_the_same_priority_nothing_is_put_off(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LOOK_S", 0.0)
    way.crowd(8)
    way.deploy(version="1.1.0", priority="low")
    way.deploy("alarm", priority="low", kind=URGENT)
    way.events(*"abcdefgh")
    assert (started(way), way.told) == ("abcdefgh", [])
    way.deploy("alarm", version="1.1.0", priority="high", kind=URGENT)
    way.say(State.RETIRED, "alarm")
    assert (way.book.rank("order"), way.book.lowest_rank) == (0, 0), "who starts nothing comes before nobody"
