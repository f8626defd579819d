"""`listen`: which events it takes, in which order they come out, and what becomes of those that come too late."""

from __future__ import annotations

from typing import Any

import pytest

from schemas import problems
from schemas.ids import event_key
from streams.engine import AwaitEvent, CancelAwait, CancelInstance, OfferedEvent, TimerFired
from tests.support.trial import INSTANCE, Trial, call

PAID = "{with: {type: paid.v1}, correlate: {order: {from: .order, expect: '${ .id }'}}}"
SENT = "{with: {type: sent.v1}, correlate: {order: {from: .order, expect: '${ .id }'}}}"
OPEN_PAID = "{with: {type: paid.v1}, correlate: {order: {from: .order}}}"
OPEN_SENT = "{with: {type: sent.v1}, correlate: {order: {from: .order}}}"
ORDER = {"order": 5}


def listening(to: str, more: str = "", then: str = "") -> Trial:
    return Trial(f"- w:\n    listen: {{to: {to}}}\n{more}{then}", {"id": 5})


def wait_of(trial: Trial, number: int) -> AwaitEvent:
    return next(each for each in trial.awaited if each.filter == number)


def test_one_event_ends_the_waiting_and_comes_out_in_a_list() -> None:
    trial = listening(f"{{one: {PAID}}}")
    assert trial.status == "waiting"
    trial.receive(wait_of(trial, 0), "1", {"sum": 3}, ORDER)
    assert trial.output == [{"sum": 3}]


@pytest.mark.parametrize(
    ("read", "given"),
    [
        ("data", {"sum": 3}),
        ("raw", '{"sum":3}'),
        (
            "envelope",
            {"specversion": "1.0", "id": "1", "source": "/elsewhere", "type": "tests.happened", "data": {"sum": 3}},
        ),
    ],
)
def test_read_says_what_of_an_event_comes_out(read: str, given: Any) -> None:
    trial = Trial(f"- w: {{listen: {{to: {{one: {PAID}}}, read: {read}}}}}", {"id": 5})
    trial.receive(wait_of(trial, 0), "1", {"sum": 3}, ORDER)
    assert trial.output == [given]


def test_any_ends_with_the_first_and_withdraws_the_others() -> None:
    trial = listening(f"{{any: [{PAID}, {SENT}]}}")
    trial.receive(wait_of(trial, 1), "1", "sent", ORDER)
    assert trial.output == ["sent"]
    assert trial.awaited == []


def test_all_come_out_in_the_order_in_which_they_are_written() -> None:
    trial = listening(f"{{all: [{PAID}, {SENT}]}}")
    trial.receive(wait_of(trial, 1), "1", "sent", ORDER)
    assert trial.outcome is None
    assert [each.filter for each in trial.awaited] == [0]
    trial.receive(wait_of(trial, 0), "2", "paid", ORDER)
    assert trial.output == ["paid", "sent"]


def test_every_event_is_taken_until_the_condition_holds() -> None:
    trial = listening(f"{{any: [{PAID}], until: '(map(.n) | add) > 4'}}")
    for number in (1, 2):
        trial.receive(wait_of(trial, 0), str(number), {"n": number}, ORDER)
        assert trial.outcome is None
    trial.receive(wait_of(trial, 0), "3", {"n": 3}, ORDER)
    assert trial.output == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert trial.awaited == []


def test_events_that_end_the_listening_do_not_come_out() -> None:
    trial = listening(f"{{any: [{PAID}], until: {{all: [{SENT}, {{with: {{type: closed.v1}}}}]}}}}")
    for number, id_ in ((0, "1"), (1, "2"), (0, "3")):
        trial.receive(wait_of(trial, number), id_, id_, ORDER if number < 2 else {})
        assert trial.outcome is None
    trial.receive(wait_of(trial, 2), "4", "closed", {})
    assert trial.output == ["1", "3"]


def test_same_event_counts_once_in_all_of_an_instance() -> None:
    as_before = "    output: {as: '${ $input }'}\n"
    trial = listening(f"{{one: {PAID}}}", more=as_before, then=f"- again: {{listen: {{to: {{one: {PAID}}}}}}}\n")
    first = wait_of(trial, 0)
    trial.receive(first, "1", "one", ORDER)
    second = wait_of(trial, 0)
    assert (second.pointer, second.key) == ("/do/1/again", first.key)
    trial.receive(second, "1", "one", ORDER)
    assert trial.outcome is None
    assert trial.awaited == [second], "the wait was over with the event, and is begun again"
    trial.receive(second, "2", "two", ORDER)
    assert trial.output == ["two"]


def test_event_that_has_started_the_instance_has_counted() -> None:
    trial = listening(f"{{one: {PAID}}}")
    wait = wait_of(trial, 0)
    trial.receive(wait, "1", "the start", ORDER, source="/tests")
    assert trial.outcome is None
    assert trial.awaited == [wait]


def test_event_that_comes_too_late_is_for_others() -> None:
    trial = listening(f"{{any: [{PAID}, {SENT}]}}", then=call("then", ""))
    paid, sent = trial.awaited
    trial.receive(paid, "1", "paid", ORDER)
    trial.receive(sent, "2", "sent", ORDER)
    back = trial.asked[-1]
    assert isinstance(back, OfferedEvent)
    assert (back.key, back.origin) == (sent.key, 7)
    assert trial.history[-1].phase == "result.ignored"
    trial.receive(paid, "1", "paid", ORDER)
    assert trial.asked.count(back) == 1, "one that this instance has taken is for nobody"


def test_event_for_an_instance_that_has_ended_is_for_others() -> None:
    trial = listening(f"{{one: {PAID}}}")
    wait = wait_of(trial, 0)
    trial.send(CancelInstance(instance_id=INSTANCE, reason="no", actor="me"))
    assert trial.awaited == []
    done = trial.receive(wait, "1", "paid", ORDER)
    assert [type(each) for each in done.commands] == [OfferedEvent]
    assert done.transitions == []


def test_first_event_says_what_the_others_have_to_say() -> None:
    trial = listening(f"{{all: [{OPEN_PAID}, {OPEN_SENT}]}}")
    wide = wait_of(trial, 1)
    trial.receive(wait_of(trial, 0), "1", "paid 7", {"order": 7})
    narrow = wait_of(trial, 1)
    assert narrow.key != wide.key
    trial.receive(wide, "2", "sent 8", {"order": 8})  # was on its way
    assert isinstance(trial.asked[-1], OfferedEvent)
    trial.receive(narrow, "3", "sent 7", {"order": 7})
    assert trial.output == ["paid 7", "sent 7"]


def test_event_on_its_way_counts_although_the_key_has_become_narrower() -> None:
    trial = listening(f"{{all: [{OPEN_PAID}, {OPEN_SENT}]}}")
    wide = wait_of(trial, 1)
    trial.receive(wait_of(trial, 0), "1", "paid", {"order": 7})
    trial.receive(wide, "2", "sent", {"order": 7})
    assert trial.output == ["paid", "sent"]
    assert trial.awaited == [], "and the narrower wait is withdrawn"


def test_timeout_ends_the_waiting_and_withdraws_it() -> None:
    trial = listening(f"{{one: {PAID}}}", more="    timeout: {after: {seconds: 1}}\n")
    wait = wait_of(trial, 0)
    trial.pass_time(1_000)
    assert trial.error["type"] == problems.TIMEOUT
    assert trial.awaited == []
    assert isinstance(trial.receive(wait, "1", "late", ORDER).commands[0], OfferedEvent)


def test_event_from_after_the_timeout_does_not_count_though_no_timer_came() -> None:
    trial = listening(f"{{one: {PAID}}}", more="    timeout: {after: {seconds: 1}}\n")
    trial.now_ms += 1_000
    trial.receive(wait_of(trial, 0), "1", "late", ORDER)
    assert trial.error["type"] == problems.TIMEOUT


def test_event_and_timeout_of_the_same_moment_are_decided_by_who_is_first() -> None:
    trial = listening(f"{{one: {PAID}}}", more="    timeout: {after: {seconds: 1}}\n")
    trial.now_ms += 999
    trial.receive(wait_of(trial, 0), "1", "in time", ORDER)
    trial.send(TimerFired(instance_id=INSTANCE, due_ms=trial.now_ms + 1))
    assert trial.output == ["in time"]


@pytest.mark.parametrize("expected", ["'${ .missing }'", "'${ .id.x }'"])
def test_expectation_that_nothing_can_meet_is_an_error(expected: str) -> None:
    event = f"{{with: {{type: paid.v1}}, correlate: {{order: {{from: .order, expect: {expected}}}}}}}"
    trial = listening(f"{{one: {event}}}")
    assert trial.error["type"] == problems.EXPRESSION
    assert trial.asked == []


def test_condition_that_fails_withdraws_the_waits() -> None:
    trial = listening(f"{{any: [{PAID}], until: .n}}")
    trial.receive(wait_of(trial, 0), "1", {"n": 1}, ORDER)
    assert trial.error["type"] == problems.EXPRESSION
    assert isinstance(trial.asked[-1], CancelAwait)
    assert trial.awaited == []


def test_values_are_in_no_key_and_equal_numbers_meet() -> None:
    keys = [wait_of(Trial(f"- w: {{listen: {{to: {{one: {PAID}}}}}}}", {"id": each}), 0).key for each in (5, 5.0, "5")]
    assert keys[0] == keys[1] != keys[2]
    assert all(len(each) == 32 for each in keys)


def test_events_that_have_started_the_instance_together_have_counted() -> None:
    trial = Trial(f"- w: {{listen: {{to: {{one: {PAID}}}}}}}", {"id": 5}, event_keys=[event_key("/s", "1"), "other"])
    trial.receive(trial.awaited[0], "1", ORDER, ORDER, source="/s")
    assert trial.outcome is None
    trial.receive(trial.awaited[0], "2", ORDER, ORDER, source="/s")
    assert trial.output == [ORDER]
