"""Correlate: waits and events that meet, in whatever order they come, under however many waits, and after a crash."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from schemas.catalogue import current
from schemas.codec import Codec
from schemas.messages import AWAIT_EVENT, CANCEL_AWAIT, EVENT_RECEIVED, OFFERED_EVENT
from streams.processors.correlate import processor
from streams.processors.correlate.processor import Correlate
from streams.processors.correlate.rows import EVENTS_KNOWN, IN_HEAD
from streams.processors.orchestrate import CORRELATION, INBOX
from streams.runtime.processor import Message, Record
from tests.support.contexts import context
from tests.support.data import payload
from tests.support.tables import Table

CODEC = Codec.offline()
KEY = "0" * 32
EARLY_MS = 600_000
START_MS = 1_700_000_000_000


class Desk:
    """The processor with its table and its input; what it gives out for itself becomes input again."""

    def __init__(self) -> None:
        self.table = Table()
        self.records: list[Message] = []
        self.given: list[dict[str, Any]] = []
        self.now_ms = START_MS
        self._correlate = Correlate(context(CODEC))

    def send(self, name: str, **data: Any) -> None:
        schema = {each["name"]: each["default"] for each in current()[name]["fields"] if "default" in each}
        record = Record(CORRELATION.name, 0, len(self.records), self.now_ms, KEY.encode(), b"")
        self.records.append(Message(record, name, {"key": KEY, **schema, **data}))
        self.handle(self.records[-1:])

    def handle(self, batch: Sequence[Message]) -> None:
        for output in self.table.apply(self._correlate.handle(batch, self.table)).outputs:
            name, data = CODEC.decode(output.value or b"")
            if output.topic == INBOX:
                assert name == EVENT_RECEIVED
                self.given.append(data)
            else:
                assert output.topic == CORRELATION
                self.send(name, **data)

    def wait(self, number: int = 0, once: bool = True) -> None:
        self.send(AWAIT_EVENT, **_step(number), once=once)

    def cancel(self, number: int = 0) -> None:
        self.send(CANCEL_AWAIT, **_step(number))

    def happen(self, id_: str, **more: Any) -> None:
        self.send(OFFERED_EVENT, event_key=id_, event=payload({"data": id_}), values=payload({}), **more)

    def give_back(self, number: int) -> None:
        """Who was given an event does not want it any more."""
        event = self.given[number]
        self.happen(event["event_key"], at_ms=event["at_ms"], origin=event["origin"])

    def pass_time(self, ms: int) -> None:
        self.now_ms += ms
        for key, row in list(self.table.rows.items()):
            if 0 < row.due_ms <= self.now_ms:
                self.table.apply(self._correlate.on_due(key, row, self.now_ms))

    @property
    def told(self) -> list[tuple[str, str]]:
        """Whom which event was given."""
        return [(each["instance_id"], each["event_key"]) for each in self.given]


def _step(number: int) -> dict[str, Any]:
    return {"instance_id": f"{number:032}", "pointer": "/do/0/w", "iteration": 0, "attempt": 0, "filter": 0}


def to(number: int, event: str) -> tuple[str, str]:
    return f"{number:032}", event


def test_event_goes_to_all_who_wait_for_it() -> None:
    desk = Desk()
    desk.wait(1)
    desk.wait(2)
    desk.happen("e")
    assert desk.told == [to(1, "e"), to(2, "e")]


def test_early_event_goes_to_the_first_who_waits() -> None:
    desk = Desk()
    desk.happen("e")
    desk.wait(1)
    desk.wait(2)
    assert desk.told == [to(1, "e")]


def test_early_events_are_given_one_by_one_in_their_order() -> None:
    desk = Desk()
    for id_ in "abc":
        desk.happen(id_)
    desk.wait(1)
    desk.wait(2)
    assert desk.told == [to(1, "a"), to(2, "b")]
    desk.wait(3, once=False)
    desk.happen("d")
    assert desk.told[2:] == [to(3, "c"), to(3, "d")]


def test_early_event_is_forgotten_in_its_time() -> None:
    desk = Desk()
    desk.happen("e")
    desk.pass_time(EARLY_MS)
    assert desk.table.rows == {}
    desk.wait(1)
    assert desk.told == []


def test_event_whose_time_is_over_is_not_given_though_it_is_still_there() -> None:
    desk = Desk()
    desk.happen("e")
    desk.now_ms += EARLY_MS
    desk.wait(1)
    assert desk.told == []


def test_second_delivery_of_an_event_is_none() -> None:
    desk = Desk()
    desk.wait(1)
    desk.happen("e")
    desk.happen("e")
    desk.wait(2)
    assert desk.told == [to(1, "e")]


def test_wait_is_over_with_its_event_so_that_the_next_is_left_for_the_next_wait() -> None:
    desk = Desk()
    desk.wait(1)
    desk.happen("a")
    desk.happen("b")
    desk.wait(1)
    assert desk.told == [to(1, "a"), to(1, "b")]


def test_withdrawn_wait_gets_nothing_and_leaves_nothing() -> None:
    desk = Desk()
    desk.wait(1)
    desk.cancel(1)
    assert desk.table.rows == {}
    desk.happen("e")
    assert desk.told == []


def test_event_that_is_given_back_goes_to_who_began_to_wait_after_it_came() -> None:
    desk = Desk()
    desk.wait(1)
    desk.wait(2, once=False)
    desk.happen("e")
    desk.give_back(0)
    assert desk.told == [to(1, "e"), to(2, "e")], "those who waited have had it"
    desk.wait(3)
    assert desk.told[2:] == [to(3, "e")]
    desk.wait(4)
    assert len(desk.given) == 3


def test_event_that_is_given_back_finds_who_waits_already() -> None:
    desk = Desk()
    desk.wait(1)
    desk.happen("e")
    desk.wait(2)
    desk.wait(3)
    desk.give_back(0)
    assert desk.told == [to(1, "e"), to(2, "e")]


def test_event_that_is_given_back_after_its_time_is_lost() -> None:
    desk = Desk()
    desk.wait(1)
    desk.happen("e")
    desk.pass_time(EARLY_MS)
    desk.give_back(0)
    desk.wait(2)
    assert desk.told == [to(1, "e")]
    assert len(desk.table.rows) == 1, "only the wait"


@pytest.mark.parametrize("portion", [processor.PORTION_BYTES, 2_000])
def test_very_many_waits_are_all_given_the_event_once(portion: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "PORTION_BYTES", portion)
    desk = Desk()
    for number in range(200):
        desk.wait(number)
    assert len(desk.table.rows) > 100, "not all in one row"
    for number in range(0, 200, 2):
        desk.cancel(number)
    desk.happen("e")
    assert sorted(desk.told) == [to(number, "e") for number in range(1, 200, 2)]
    assert len(desk.table.rows) == 1, "only what is known of the event"
    assert (sum(each.name == OFFERED_EVENT for each in desk.records) > 1) == (portion < 10_000)


def test_only_so_many_events_of_one_key_are_kept() -> None:
    desk = Desk()
    for number in range(EVENTS_KNOWN + 10):
        desk.happen(str(number))
    assert len(desk.table.rows) == EVENTS_KNOWN + 1
    desk.wait(1)
    assert desk.told == [to(1, "10")]


@pytest.mark.parametrize("seed", range(20))
def test_batch_that_comes_again_after_a_crash_changes_nothing_more(seed: int) -> None:
    """Whatever part of its rows was written: what is given in all is what one undisturbed run gives, but for copies."""
    random, desk = Random(seed), Desk()
    for _ in range(60):
        _act(desk, random)
    again = Desk()
    records, position = desk.records[:], 0
    while position < len(records):
        batch = records[position : position + random.randrange(1, 9)]
        effects = again._correlate.handle(batch, again.table)
        if random.random() < 0.5:
            written = list(effects.changes.items())[: random.randrange(len(effects.changes) + 1)]
            again.table.change(dict(written))
            _note(again, effects)
        _note(again, again.table.apply(again._correlate.handle(batch, again.table)))
        position += len(batch)
    assert set(again.told) == set(desk.told)
    for each in (desk, again):
        each.now_ms = START_MS
        each.pass_time(EARLY_MS)
    assert again.table.rows == desk.table.rows, "and nothing is left behind but those who wait"


def _act(desk: Desk, random: Random) -> None:
    number, kind = random.randrange(3 * IN_HEAD), random.randrange(4)
    if kind == 0:
        desk.wait(number, once=random.random() < 0.8)
    elif kind == 1:
        desk.cancel(number)
    elif kind == 2:
        desk.happen(str(random.randrange(40)))
    elif desk.given:
        desk.give_back(random.randrange(len(desk.given)))


def _note(desk: Desk, effects: Any) -> None:
    desk.given += [CODEC.decode(each.value)[1] for each in effects.outputs if each.topic == INBOX]
