"""What went aside is known as a letter, once, and is redriven once with its own bytes, however often that is asked."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.catalogue import current
from schemas.codec import Codec
from schemas.messages import DEAD_LETTER, INCIDENT, LETTER, LETTER_ACTION, REPAIR_STEP
from schemas.reasons import Reason
from schemas.samples import sample
from schemas.steps import problem
from streams.ground.topic import MAX_WRITTEN_BYTES
from streams.processors import call
from streams.processors.letters import ACTIONS, LETTERS
from streams.processors.letters.processor import MAX_KEPT_BYTES, Letters
from streams.processors.orchestrate import INBOX, INCIDENTS
from streams.runtime.containment import check
from streams.runtime.parking import PARKING, came_from, parked
from streams.runtime.processor import Message, Output, Record
from streams.runtime.replays import first_offset
from tests.support.contexts import context
from tests.support.tables import Table

CODEC = Codec.offline()
INSTANCE = "ab" * 16
STEP = {"instance_id": INSTANCE, "pointer": "/do/0/a", "iteration": 0, "attempt": 0}
BAD = Record("orders.v1", 3, 17, 5, b"\xffkey", b"\x07no frame", (("ce_id", b"1"), ("parked.note", b"mine")))
LARGE = b"x" * (MAX_KEPT_BYTES - 100)


class Bench:
    """The processor on its table; what it parks or sends comes again at the offsets that a broker would give."""

    def __init__(self) -> None:
        self.table = Table()
        self.processor = Letters(context(CODEC))
        self.offset = 0
        self.state: dict[str, Any] = {}  # of the letter that changed last

    def deliver(self, topic: str, key: bytes | None, value: bytes | None, headers: Any = ()) -> list[Output]:
        self.offset += 1
        record = Record(topic, 3, self.offset, 1_000 + self.offset, key, value, headers)
        effects = self.processor.handle([Message(record, "", {})], self.table)
        check(effects)
        self.table.apply(effects)
        for each in effects.outputs:
            if each.topic == LETTERS:
                self.state = CODEC.decode(each.value or b"")[1]
        return [each for each in effects.outputs if each.topic != LETTERS]

    def park(self, record: Record = BAD) -> list[Output]:
        output = parked(record, "intake", "no Confluent frame")
        return self.deliver(PARKING.name, output.key, output.value, output.headers)

    def act(self, action: str, **more: Any) -> list[Output]:
        given = {"value": None, "force": False, "why": "tried", "actor": "me", "seq": self.state["seq"], **more}
        given = {"letter_id": self.state["letter_id"], "action_id": f"a{self.offset}", "action": action, **given}
        return self.deliver(ACTIONS.name, given["letter_id"].encode(), CODEC.encode(LETTER_ACTION, given))

    def die(self, reason: Reason = Reason.UNREACHED, **more: Any) -> None:
        data = {
            **sample(current()[DEAD_LETTER]), **STEP, "function": "http", "recovery": None, "again": "harmful",
            "error": problem(reason, "away", "/do/0/a"), **more,
        }  # fmt: skip
        self.deliver(call.DECLARATION.dead_letters.name, INSTANCE.encode(), CODEC.encode(DEAD_LETTER, data))

    def incident(self, status: str = "open", **more: Any) -> None:
        data = {
            **sample(current()[INCIDENT]), **STEP, "number": 4, "status": status,
            "error": problem(Reason.UNREACHED, "away", "/do/0/a"), **more,
        }  # fmt: skip
        self.deliver(INCIDENTS.name, INSTANCE.encode(), CODEC.encode(INCIDENT, data))


def again(output: Output, offset: int) -> Record:
    """What was sent, as its reader gets it."""
    return Record(output.topic.name, 3, offset, 9, output.key, output.value, output.headers)


def test_a_parked_record_is_an_open_letter_without_its_content() -> None:
    bench = Bench()
    assert bench.park() == []
    state = bench.state
    assert (state["kind"], state["status"], state["processor"]) == ("parked", "open", "intake")
    assert (state["topic"], state["partition"], state["offset"], state["held_offset"]) == ("orders.v1", 3, 17, 1)
    assert state["letter_id"].startswith("3-")
    assert not any(b"no frame" in str(each).encode() for each in state.values())
    before = dict(bench.table.rows)
    bench.park()
    assert bench.table.rows == before


def test_a_redrive_sends_the_same_bytes_and_headers_once() -> None:
    bench = Bench()
    bench.park()
    seen = dict(bench.state)
    (sent,) = bench.act("redrive", action_id="one")
    assert (sent.topic.name, sent.key, sent.value) == (BAD.topic, BAD.key, BAD.value)
    assert tuple(sent.headers[:2]) == BAD.headers
    assert dict(sent.headers)["exlify_replays"] == b"1"
    assert first_offset(again(sent, 99)) == BAD.offset
    assert (bench.state["status"], bench.state["why"], bench.state["actor"]) == ("redriven", "tried", "me")
    for wish in ({"action_id": "one", "seq": seen["seq"]}, {"seq": seen["seq"]}, {}, {"force": True}):
        assert bench.act("redrive", **wish) == []
    assert bench.state["refused"] == "it has been redriven already"
    assert bench.state["status"] == "redriven"


def test_what_comes_back_is_the_same_letter_and_counted_until_it_needs_force() -> None:
    bench = Bench()
    bench.park()
    name, record = bench.state["letter_id"], BAD
    for times in (1, 2, 3):
        (sent,) = bench.act("redrive")
        record = again(sent, 100 * times)
        bench.park(record)
        bench.park(record)  # a copy
        assert (bench.state["letter_id"], bench.state["replays"], bench.state["status"]) == (name, times, "open")
    assert bench.act("redrive") == []
    assert "came back 3 times" in bench.state["refused"]
    (sent,) = bench.act("redrive", force=True)
    assert tuple(sent.headers[:2]) == BAD.headers
    assert len(sent.headers) == len(BAD.headers) + 3


def test_what_came_back_says_of_which_wish_it_was_sent() -> None:
    bench = Bench()
    bench.park()
    seq = bench.state["seq"]
    (sent,) = bench.act("redrive", action_id="one")
    bench.park(again(sent, 99))
    assert (bench.state["status"], bench.state["action_id"], bench.state["refused"]) == ("open", "one", None)
    assert bench.act("redrive", action_id="one", seq=seq) == []  # a copy
    assert (bench.state["refused"], bench.state["replays"]) == (None, 1)


def test_headers_that_name_somebody_elses_letter_change_nothing_of_it() -> None:
    bench = Bench()
    bench.park()
    (sent,) = bench.act("redrive")
    key = bench.state["letter_id"].encode()
    before = bench.table.rows[key]
    bench.park(Record("other.v1", 3, 5, 1, b"", b"", sent.headers))
    assert bench.table.rows[key] == before
    assert (bench.state["topic"], bench.state["replays"]) == ("other.v1", 1)


def test_an_edited_letter_is_sent_with_its_new_value_and_its_own_headers() -> None:
    bench = Bench()
    bench.park()
    assert bench.act("edit", value=b"better") == []
    assert (bench.state["status"], bench.state["held_offset"]) == ("edited", 1)
    assert bench.state["edited_offset"] == bench.offset
    (sent,) = bench.act("redrive")
    assert (sent.key, sent.value, tuple(sent.headers[:2])) == (BAD.key, b"better", BAD.headers)


def test_a_dropped_letter_is_sent_only_by_force() -> None:
    bench = Bench()
    bench.park()
    bench.act("drop")
    assert bench.state["status"] == "dropped"
    assert bench.act("redrive") == []
    assert len(bench.act("redrive", force=True)) == 1


def test_who_looked_at_an_older_state_is_refused() -> None:
    bench = Bench()
    bench.park()
    bench.act("edit", value=b"better")
    assert bench.act("redrive", seq=0) == []
    assert bench.state["refused"] == "it has changed since it was looked at"


@pytest.mark.parametrize("first", ["letter", "incident"])
def test_a_dead_letter_is_for_people_once_its_step_waits(first: str) -> None:
    bench = Bench()
    for each in ("letter", "incident") if first == "letter" else ("incident", "letter"):
        assert bench.state == {}
        bench.die() if each == "letter" else bench.incident(workflow="order")
    state = bench.state
    assert (state["kind"], state["status"], state["workflow"], state["reason"]) == (
        "dead",
        "open",
        "order",
        "UNREACHED",
    )
    assert (state["processor"], state["incident"]) == ("call", 4)


def test_a_dead_letter_is_redriven_by_its_incident() -> None:
    bench = Bench()
    bench.die()
    bench.incident()
    bench.act("edit", value=b'{"amount":1}')
    (sent,) = bench.act("redrive", action_id="mine")
    assert (sent.topic, sent.key) == (INBOX, INSTANCE.encode())
    name, repair = CODEC.decode(sent.value or b"")
    assert (name, repair["incident"], repair["action"], repair["repair_id"]) == (REPAIR_STEP, 4, "retry", "mine")
    assert repair["input"].value() == {"amount": 1}
    bench.incident("retried")
    assert bench.state["status"] == "redriven"


def test_a_dead_letter_is_settled_with_its_incident_whoever_decides() -> None:
    bench = Bench()
    bench.die()
    bench.incident()
    bench.incident("skipped", actor="she", why="done by hand")
    assert (bench.state["status"], bench.state["actor"]) == ("dropped", "she")
    assert bench.act("redrive", force=True) == []


def test_what_may_have_happened_is_redriven_only_by_force() -> None:
    bench = Bench()
    bench.die(Reason.OUTCOME_UNKNOWN)
    bench.incident()
    assert bench.act("redrive") == []
    assert "nobody knows" in bench.state["refused"]
    assert len(bench.act("redrive", force=True)) == 1


def test_large_ones_fit_and_those_kept_by_their_place_are_not_sent() -> None:
    bench = Bench()
    bench.park(Record("orders.v1", 3, 17, 5, b"k", LARGE))
    assert bench.act("edit", value=LARGE + b"x" * 200) == []
    assert "larger than" in bench.state["refused"]
    (sent,) = bench.act("redrive")
    assert sent.value == LARGE
    bench.park(Record("orders.v1", 3, 18, 5, b"k", b"x" * MAX_WRITTEN_BYTES))
    assert bench.act("redrive") == []
    assert "too large" in bench.state["refused"]


@pytest.mark.parametrize("value", [None, b"", b"\x07", CODEC.encode(LETTER, sample(current()[LETTER]))])
def test_odd_records_go_aside(value: bytes | None) -> None:
    bench = Bench()
    if value is None:
        (output,) = bench.deliver(ACTIONS.name, b"k", value)
        assert output.topic is PARKING
    assert bench.deliver(PARKING.name, b"k", value, (("parked.topic", b"t"),)) == []
    assert bench.deliver(PARKING.name, b"k", value) == []


def test_parked_headers_are_those_behind_its_own() -> None:
    first = parked(BAD, "intake", "why")
    second = parked(Record("engine.x", 1, 2, 3, first.key, first.value, first.headers), "view", "again")
    found = came_from(Record("", 0, 0, 0, None, None, second.headers))
    assert found is not None
    assert (found[0]["processor"], found[0]["topic"], list(found[1])) == ("view", "engine.x", list(first.headers))


def test_a_crash_before_the_row_is_durable_sends_the_same_bytes_again() -> None:
    bench = Bench()
    bench.park()
    given = {"letter_id": bench.state["letter_id"], "action_id": "a", "action": "redrive", "seq": 0, "why": "w"}
    value = CODEC.encode(LETTER_ACTION, {**given, "actor": "me", "value": None, "force": False})
    message = Message(Record(ACTIONS.name, 3, 9, 10, b"k", value), "", {})
    lost, done = (bench.processor.handle([message], bench.table) for _ in range(2))
    assert lost == done
    copy = bench.processor.handle([message, message], bench.table)
    assert copy.outputs == done.outputs


def test_an_event_without_an_id_starts_the_instance_that_it_would_have_started() -> None:
    bench = Bench()
    bench.park(Record("orders.v1", 3, 17, 5, b"k", b"v"))
    (sent,) = bench.act("redrive")
    assert first_offset(again(sent, 40)) == 17
    bench.park(again(sent, 40))
    (sent,) = bench.act("redrive")
    assert first_offset(again(sent, 80)) == 17
    assert first_offset(Record("orders.v1", 3, 90, 5, b"k", b"v", (("exlify_replays", b"1"),))) == 90
