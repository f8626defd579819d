"""wait and timeout: durable timers, and what happens when several are due."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from schemas import problems
from schemas.cloudevents import parse_time_ms
from streams.engine import TimerFired, decode_state, next_due_ms
from tests.support.trial import INSTANCE, START_MS, Trial, call

HOUR_MS = 3_600_000


def due_ms(trial: Trial) -> int:
    assert trial.row is not None
    return next_due_ms(decode_state(trial.row))


def test_wait_ends_when_its_time_has_come() -> None:
    trial = Trial("- w: {wait: {hours: 1}}", {"n": 1})
    assert due_ms(trial) == START_MS + HOUR_MS
    assert trial.status == "waiting"
    trial.pass_time(HOUR_MS - 1)
    assert trial.outcome is None
    trial.pass_time(1)
    assert trial.output == {"n": 1}


def test_duration_may_be_computed() -> None:
    trial = Trial("- w: {wait: '${ .pause }'}", {"pause": "PT2H"})
    assert due_ms(trial) == START_MS + 2 * HOUR_MS


OFFICE = "{zone: Europe/Berlin, hours: ['09:00-17:00'], holidays: [2023-11-16]}"


@pytest.mark.parametrize(
    ("length", "ends"),
    [
        ("PT1H", "2023-11-15T09:00:00Z"),  # it begins on Tuesday night, and work at nine
        ("PT8H", "2023-11-15T16:00:00Z"),
        ("PT9H", "2023-11-17T09:00:00Z"),  # Thursday is a holiday
        ("PT17H", "2023-11-20T09:00:00Z"),
    ],
)
def test_wait_may_be_counted_in_working_time(length: str, ends: str) -> None:
    trial = Trial(f"- w: {{wait: {length}, metadata: {{calendar: {OFFICE}}}}}", {"n": 1})
    assert START_MS == 1_700_000_000_000
    assert due_ms(trial) == parse_time_ms(ends)


def test_wait_of_no_time_goes_on_at_once() -> None:
    assert Trial("- w: {wait: {seconds: 0}}", {"n": 1}).output == {"n": 1}


def test_timer_before_its_time_does_nothing() -> None:
    trial = Trial("- w: {wait: {hours: 1}}")
    before = trial.row
    assert trial.send(TimerFired(instance_id=INSTANCE, due_ms=START_MS + 1)).transitions == []
    assert trial.row == before


def test_timer_counts_even_if_its_record_is_stamped_early() -> None:
    trial = Trial("- w: {wait: {hours: 1}}")
    trial.send(TimerFired(instance_id=INSTANCE, due_ms=START_MS + HOUR_MS))
    assert trial.output == {}


def test_timer_that_fires_twice_counts_once() -> None:
    trial = Trial("- a: {wait: {hours: 1}}\n- b: {wait: {hours: 1}}")
    trial.pass_time(HOUR_MS)
    again = trial.send(TimerFired(instance_id=INSTANCE, due_ms=START_MS + HOUR_MS))
    assert again.transitions == []
    assert due_ms(trial) == START_MS + 2 * HOUR_MS


def test_timers_in_branches_fire_in_order() -> None:
    trial = Trial(
        "- f:\n    fork:\n      branches:\n        - slow: {wait: {hours: 2}}\n        - fast: {wait: {hours: 1}}",
        {"n": 1},
    )
    trial.now_ms += 5 * HOUR_MS
    trial.send(TimerFired(instance_id=INSTANCE, due_ms=START_MS + HOUR_MS))
    ended = [entry.pointer.rpartition("/")[2] for entry in trial.history if entry.phase == "task.completed"]
    assert ended == ["fast", "slow", "f"]
    assert trial.output == [{"n": 1}, {"n": 1}]


def test_step_that_takes_too_long_times_out() -> None:
    trial = Trial(call("a", ", timeout: {after: {minutes: 5}}"))
    assert trial.pending["/do/0/a"].deadline_ms == START_MS + 300_000
    trial.pass_time(300_000)
    assert (trial.error["type"], trial.error["status"], trial.error["instance"]) == (problems.TIMEOUT, 408, "/do/0/a")
    assert [sent.pointer for sent in trial.withdrawn] == ["/do/0/a"]
    assert trial.phases("a") == ["task.started", "task.faulted"]


def test_step_in_time_stops_the_clock() -> None:
    trial = Trial(call("a", ", timeout: {after: {minutes: 5}}") + "\n" + call("b"))
    trial.answer("a")
    assert due_ms(trial) == 0
    assert trial.pending["/do/1/b"].deadline_ms is None


def test_timeout_of_a_list_interrupts_all_below() -> None:
    trial = Trial(
        """
        - t:
            try:
              - d:
                  timeout: {after: {hours: 1}}
                  do:
                    - f:
                        fork:
                          branches:
                            - w: {wait: {hours: 3}}
                            - a: {call: human, with: {team: t, title: x, outcomes: [ok]}}
            catch:
              errors: {with: {status: 408}}
              do:
                - mend: {set: {who: '${ $error.instance }'}}
        """
    )
    assert trial.pending["/do/0/t/try/0/d/do/0/f/fork/branches/1/a"].deadline_ms == START_MS + HOUR_MS
    trial.pass_time(HOUR_MS)
    assert trial.output == {"who": "/do/0/t/try/0/d"}
    assert [trial.phases(name)[-1] for name in ("w", "a", "f", "d", "t")] == [
        "task.cancelled",
        "task.cancelled",
        "task.cancelled",
        "task.faulted",
        "task.completed",
    ]
    assert len(trial.withdrawn) == 1


def test_own_timeout_of_a_try_is_not_its_own_to_catch() -> None:
    trial = Trial("- t:\n    timeout: {after: {hours: 1}}\n    try:\n      " + call("a") + "\n    catch: {}")
    trial.pass_time(HOUR_MS)
    assert trial.error["instance"] == "/do/0/t"


def test_wait_with_a_shorter_timeout_times_out() -> None:
    trial = Trial("- w: {wait: {hours: 2}, timeout: {after: {hours: 1}}}")
    trial.pass_time(2 * HOUR_MS)
    assert trial.error["status"] == 408


def test_wait_with_a_longer_timeout_ends_well() -> None:
    trial = Trial("- w: {wait: {hours: 1}, timeout: {after: {hours: 2}}}")
    trial.pass_time(HOUR_MS)
    assert trial.output == {}


def test_outer_timeout_goes_first_at_the_same_time() -> None:
    trial = Trial("- d: {timeout: {after: {hours: 1}}, do: [{w: {wait: {hours: 1}}}]}")
    trial.pass_time(HOUR_MS)
    assert trial.error["instance"] == "/do/0/d"


def test_workflow_timeout_faults_the_instance() -> None:
    trial = Trial(call("a"), more="timeout: {after: {hours: 1}}")
    assert trial.pending["/do/0/a"].deadline_ms == START_MS + HOUR_MS
    trial.pass_time(HOUR_MS)
    assert (trial.error["status"], trial.error["instance"]) == (408, "/timeout")
    assert [sent.reason for sent in trial.withdrawn] == ["the instance has ended"]


def test_earliest_of_all_timers_is_due_next() -> None:
    trial = Trial(
        "- f:\n    fork:\n      branches:\n        - w: {wait: {hours: 3}}\n        "
        + call("a", ", timeout: {after: {hours: 2}}"),
        more="timeout: {after: {hours: 4}}",
    )
    assert due_ms(trial) == START_MS + 2 * HOUR_MS
    trial.answer("a")
    assert due_ms(trial) == START_MS + 3 * HOUR_MS


LATE = {"type": problems.TIMEOUT, "title": "The system did not answer in time", "status": 408, "effect": "unknown"}
SWALLOWING = """
- d:
    timeout: {after: {minutes: 1}}
    do:
      - t:
          try: [{a: {call: human, with: {team: t, title: x, outcomes: [ok]}}}]
          catch: {do: [{swallowed: {set: {swallowed: true}}}]}
"""


@pytest.mark.parametrize(
    ("tasks", "more", "owner"),
    [(SWALLOWING, "", "/do/0/d"), (SWALLOWING.replace("minutes", "hours"), "timeout: {after: PT1M}", "/timeout")],
)
@pytest.mark.parametrize("problem", [LATE, {"status": 500, "reason": "OUTCOME_UNKNOWN"}, None])
def test_timeout_around_a_try_is_not_for_it_to_catch(
    tasks: str, more: str, owner: str, problem: dict[str, Any] | None
) -> None:
    trial = Trial(tasks, more=more)
    trial.now_ms += 60_000
    if problem is None:
        trial.answer("a", {"too": "late"})
    else:
        trial.fail("a", **problem)
    assert (trial.error["type"], trial.error["instance"]) == (problems.TIMEOUT, owner)
    assert "swallowed" not in trial.started


def test_timeout_of_a_step_in_time_is_its_own() -> None:
    trial = Trial(SWALLOWING)
    trial.now_ms += 59_999
    trial.fail("a", **LATE)
    assert trial.output == {"swallowed": True}


def test_try_around_catches_the_timeout_of_what_it_was_given_to() -> None:
    inner = textwrap.indent(textwrap.dedent(SWALLOWING), "    ").strip()
    trial = Trial(f"- outer:\n    try:\n    {inner}\n    catch: {{do: [{{seen: {{set: '${{ $error }}'}}}}]}}")
    trial.now_ms += 60_000
    trial.fail("a", **LATE)
    assert (trial.output["status"], trial.output["instance"]) == (408, "/do/0/outer/try/0/d")


def test_outermost_of_timeouts_that_have_passed_counts() -> None:
    trial = Trial("- o: {timeout: {after: PT2M}, do: [{i: {timeout: {after: PT1M}, do: [{w: {wait: {hours: 1}}}]}}]}")
    trial.now_ms += 120_000
    trial.send(TimerFired(instance_id=INSTANCE, due_ms=START_MS + 60_000))
    assert trial.error["instance"] == "/do/0/o"


def test_step_says_itself_that_its_own_time_is_over() -> None:
    trial = Trial(call("a", ", timeout: {after: {minutes: 5}}"))
    trial.now_ms += 300_000
    trial.fail("a", **LATE)
    assert (trial.error["title"], trial.error["effect"]) == (LATE["title"], "unknown")
    assert trial.withdrawn == []


def test_result_after_the_time_of_its_own_task_is_too_late() -> None:
    trial = Trial(call("a", ", timeout: {after: {minutes: 5}}"))
    trial.now_ms += 300_000
    done = trial.answer("a", 1)
    assert trial.error["status"] == 408
    assert done.outcome is not None


def test_result_makes_up_for_a_timer_of_another_branch() -> None:
    wait = "- w: {wait: {minutes: 1}}"
    trial = Trial(f"- f:\n    fork:\n      branches:\n        {wait}\n        {call('a')}", {"n": 1})
    trial.now_ms += 60_000
    trial.answer("a", 2)
    assert trial.output == [{"n": 1}, 2]
