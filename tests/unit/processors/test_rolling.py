"""Rolling: whatever comes late, doubled, or out of order, what is told of an event is what a recomputation tells."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rolling import fold
from models.rolling.fold import DAY_MS, HOUR_MS
from models.rolling.names import names
from schemas.codec import Codec
from schemas.messages import CANCEL_STEP, ROLLING_WORK, STEP_COMMAND, STEP_RESULT, TIMER_FIRED
from schemas.times import rfc3339
from streams.processors import rolling
from streams.processors.orchestrate import INBOX
from streams.processors.rolling.processor import KEY_MS, TRACKED_MS, Rolling
from streams.runtime.parking import PARKING
from streams.runtime.processor import Effects, Message, Output, Record
from tests.support.contexts import context
from tests.support.data import payload
from tests.support.rolling import Event, Mark, recomputed
from tests.support.tables import Table

CODEC = Codec.offline()
INSTANCE = "0123456789abcdef" * 2
NOW_MS = 20_000 * DAY_MS + 13 * HOUR_MS


class Site:
    """The processor and its partitions: one table for each key, as if each were on a partition of its own."""

    def __init__(self) -> None:
        self.processor = Rolling(context(CODEC))
        self.tables: defaultdict[bytes, Table] = defaultdict(Table)

    def ask(self, now_ms: int = NOW_MS, *, function: str = "track", twice: bool = False, **given: Any) -> Any:
        """What the step gives; `twice`: each record comes a second time, right behind."""
        effects = self.processor.handle([command(function, given, now_ms)], Table())
        assert not effects.changes
        return self.follow(effects, twice=twice)

    def follow(self, effects: Effects, *, twice: bool = False) -> Any:
        given = []
        outputs = list(effects.outputs)
        while outputs:
            output = outputs.pop(0)
            if output.topic is INBOX:
                assert output.key == INSTANCE.encode()
                name, data = CODEC.decode(output.value or b"")
                assert (name, data["status"]) == (STEP_RESULT, "completed")
                given.append(data["output"].value())
                continue
            assert output.topic is rolling.WORK
            for _ in range(1 + twice):
                outputs += self.at_key(output).outputs
        assert all(each == given[0] for each in given) or "counted" in given[0]  # the second time it is there already
        return given[0]

    def at_key(self, output: Output) -> Effects:
        table = self.tables[output.key or b""]
        message = Message(record(output.key or b""), ROLLING_WORK, CODEC.decode(output.value or b"")[1])
        again = self.processor.handle([message], table)
        found = self.processor.handle([message], table)
        assert found == again  # until it is kept, it is the same
        return table.apply(found)


def record(key: bytes, now_ms: int = NOW_MS) -> Record:
    return Record(rolling.WORK.name, 0, 0, now_ms, key, b"")


def command(function: str, given: dict[str, Any], now_ms: int) -> Message:
    arguments = {"of": "payments", "id": "p1", "keys": {"card": "4711", "terminal": "t9"}, **given}
    data = {
        "instance_id": INSTANCE, "pointer": "/do/0/look", "iteration": 0, "attempt": 0, "function": function,
        "arguments": payload(arguments), "deadline_ms": None, "workflow": "w", "version": "1", "digest": "d" * 64,
        "effect": None, "business_key": None, "recovery": None,
    }  # fmt: skip
    return Message(record(INSTANCE.encode(), now_ms), STEP_COMMAND, data)


class Payment(NamedTuple):
    """A payment, how late it comes, after how many days it is known to be bad (0: never)."""

    at_ms: int
    card: int
    terminal: int
    cents: int
    late_ms: int
    known_days: int
    twice: bool  # each of its records


@st.composite
def comings(draw: st.DrawFn) -> list[tuple[int, int, bool, Payment]]:
    """What comes, in its order: when, number, whether it is the truth, and the payment; some come again later."""
    found = []
    for number in range(draw(st.integers(1, 12))):
        each = Payment(
            NOW_MS - draw(st.integers(0, 12 * DAY_MS)), draw(st.integers(0, 1)), draw(st.integers(0, 1)),
            draw(st.integers(1, 90_000)), draw(st.sampled_from([0, 0, HOUR_MS, DAY_MS, 4 * DAY_MS])),
            draw(st.integers(0, 9)), draw(st.booleans()),
        )  # fmt: skip
        came = each.at_ms + each.late_ms
        known = came + each.known_days * DAY_MS
        found.append((came, number, False, each))
        found += [(known, number, True, each)] * min(1, each.known_days)
        if draw(st.booleans()):
            found.append((came + draw(st.integers(0, 9 * DAY_MS)), number, False, each))
            found.append((known + draw(st.integers(0, 20 * DAY_MS)), number, True, each))
    return sorted(found)


@given(comings())
def test_what_is_told_equals_a_recomputation(coming: list[tuple[int, int, bool, Payment]]) -> None:
    site = Site()
    events: dict[int, Payment] = {}
    marks: dict[int, tuple[int, Payment]] = {}
    told_before: dict[int, Any] = {}
    for now_ms, number, truth, each in coming:
        keys = {"card": each.card, "terminal": f"t{each.terminal}"}
        given_: dict[str, Any] = {"id": f"p{number}", "at": rfc3339(each.at_ms), "keys": keys}
        if truth:
            told = site.ask(now_ms, function="mark", twice=each.twice, **given_)
            assert told == {"counted": number not in marks} or each.twice
            marks.setdefault(number, (now_ms, each))
            continue
        told = site.ask(now_ms, twice=each.twice, amount=each.cents / 100, **given_)
        if number in told_before:
            assert told == told_before[number]
            continue
        assert told["inTime"] == fold.in_time(each.at_ms, now_ms)
        if not told["inTime"]:
            assert {*told["before"].values()} == {None}
            continue
        expected: list[float] = []
        for name in ("card", "terminal"):
            here = getattr(each, name)
            counted = [Event(e.at_ms, e.cents) for e in events.values() if getattr(e, name) == here]
            known = [Mark(e.at_ms, at) for at, e in marks.values() if getattr(e, name) == here]
            expected += recomputed(counted, known, each.at_ms, each.cents)
        assert told["before"] == dict(zip(names("card", "terminal"), expected, strict=True))
        events[number], told_before[number] = each, told


def test_event_that_comes_too_late_is_counted_nowhere() -> None:
    site = Site()
    late = site.ask(at=rfc3339(NOW_MS - 3 * DAY_MS))
    assert (late["inTime"], {*late["before"].values()}) == (False, {None})
    assert site.ask(id="p2")["before"]["card_count_7d"] == 0.0


def test_keys_of_others_and_events_of_other_names_are_others() -> None:
    site = Site()
    site.ask()
    assert site.ask(id="p2", of="refunds")["before"]["card_count_1d"] == 0.0
    assert site.ask(id="p2", keys={"terminal": "4711"})["before"]["terminal_count_1d"] == 0.0
    assert site.ask(id="p2", keys={"card": 4711})["before"]["card_count_1d"] == 1.0


def test_rows_are_forgotten_when_nothing_of_them_can_count_again() -> None:
    site = Site()
    at_ms = NOW_MS - HOUR_MS
    site.ask(at=rfc3339(at_ms), keys={"card": "4711"})
    (table,) = site.tables.values()
    assert sorted(row.due_ms for row in table.rows.values()) == [at_ms + TRACKED_MS, NOW_MS + KEY_MS]
    for key, row in list(table.rows.items()):
        table.apply(site.processor.on_due(key, row, row.due_ms))
    assert not table.rows


def test_batch_counts_its_events_one_after_the_other_and_writes_each_key_once() -> None:
    site, table = Site(), Table()
    asked = site.processor.handle(
        [command("track", {"id": f"p{n}", "keys": {"card": "4711"}}, NOW_MS + n) for n in range(3)], Table()
    )
    work = [
        Message(record(each.key or b""), ROLLING_WORK, CODEC.decode(each.value or b"")[1]) for each in asked.outputs
    ]
    effects = site.processor.handle(work, table)
    told = [CODEC.decode(each.value or b"")[1]["output"].value()["before"] for each in effects.outputs]
    assert [each["card_count_1d"] for each in told] == [0.0, 1.0, 2.0]
    assert len(effects.changes) == 4


@pytest.mark.parametrize(
    ("function", "given_", "says"),
    [
        ("track", {"keys": {}}, "keys are 0, which may be 1 to 4"),
        ("track", {"keys": {f"k{n}": 1 for n in range(5)}}, "keys are 5"),
        ("track", {"keys": {"Card": 1}}, "keys has a name with other than lower-case"),
        ("track", {"keys": {"card": ""}}, "keys.card is empty"),
        ("track", {"keys": {"card": [1]}}, "keys has values other than texts"),
        ("track", {"at": "yesterday"}, "at is no time of RFC 3339; write at: 2026-01-31T12:00:00Z"),
        ("track", {"amount": "5"}, "amount is no amount"),
        ("track", {"amount": 1e13}, "amount is no amount"),
        ("track", {"id": ""}, "id is empty"),
        ("mark", {"amount": 5}, "there is no argument amount"),
    ],
)
def test_command_that_says_what_cannot_be_is_a_dead_letter(function: str, given_: dict[str, Any], says: str) -> None:
    effects = Rolling(context(CODEC)).handle([command(function, given_, NOW_MS)], Table())
    (letter,) = effects.outputs
    assert letter.topic == rolling.DECLARATION.dead_letters and not effects.changes
    assert says in CODEC.decode(letter.value or b"")[1]["error"]["detail"]


def test_what_is_no_work_is_parked_and_a_cancel_takes_nothing_back() -> None:
    odd = Message(record(b"k"), TIMER_FIRED, {})
    cancel = Message(record(b"k"), CANCEL_STEP, {})
    (output,) = Rolling(context(CODEC)).handle([odd, cancel], Table()).outputs
    assert output.topic == PARKING


def test_command_that_cannot_be_used_is_answered() -> None:
    message = command("track", {}, NOW_MS)
    (output,) = Rolling(context(CODEC)).on_parked(message, Table()).outputs
    assert CODEC.decode(output.value or b"")[1]["status"] == "faulted"
