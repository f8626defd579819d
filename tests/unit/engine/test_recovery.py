"""Whom a step falls back on, and what the engine hears of tries by others."""

from __future__ import annotations

from textwrap import indent
from typing import Any

import pytest

from schemas import recovery
from schemas.ids import step_id
from streams.engine import Limits, StepRetrying
from streams.language.constructs.call import Call
from tests.support.trial import INSTANCE, Trial, graph_of

HEAD = "team: t, title: x, outcomes: [ok]"
STEP = """
- a:
    call: http
    with: {method: get, endpoint: 'https://a.example.com'}
    timeout: {after: {minutes: 1}}
    metadata:
      recovery:
        retries: 5
        fallback:
          - call: http
            with: {method: get, endpoint: 'https://b.example.com', query: {n: '${ .n }'}}
            as: '${ {score: .rating} }'
          - {call: human, with: {team: t, title: x, outcomes: [ok], input: '${ $error.title }'}, inDoubt: true}
- last: {set: '${ {got: .} }'}
"""


def trial(**limits: Any) -> Trial:
    return Trial(STEP, {"n": 3}, limits=Limits(**limits))


@pytest.mark.parametrize("incidents", [False, True])
def test_the_next_is_asked_with_arguments_and_a_key_of_its_own(incidents: bool) -> None:
    one = trial(incidents=incidents)
    first = one.pending["/do/0/a"]
    assert recovery.decode(first.recovery).retries == 5
    one.fail("a", effect="none")
    second = one.pending["/do/0/a"]
    assert (second.function, second.iteration, second.attempt) == ("http", 0, 1)
    assert second.arguments.value()["query"] == {"n": 3}
    assert second.key is None and second.recovery is None
    assert second.deadline_ms == first.deadline_ms, "the time is that of the task"
    assert first.followed and second.followed
    one.answer("a", {"rating": 7})
    assert one.output == {"got": {"score": 7}}
    assert one.phases("a") == ["task.started", "task.retried", "task.completed"]


def test_after_the_last_the_error_goes_where_errors_go() -> None:
    one = trial()
    one.fail("a", effect="none")
    one.fail("a", effect="none", title="Gone")
    assert one.status == "waiting", "people are asked now"
    assert not one.pending["/do/0/a"].followed
    assert one.input_of("a") == "Gone"
    one.fail("a", status=418)
    assert one.error["status"] == 418


def test_in_doubt_only_who_is_meant_for_that_is_asked() -> None:
    one = trial()
    one.fail("a", effect="unknown")
    assert one.pending["/do/0/a"].function == "human"


def test_a_doubt_about_the_first_is_one_about_the_step() -> None:
    one = trial()
    one.fail("a", effect="unknown")
    one.fail("a", effect="none", title="Nobody there")
    assert (one.error["title"], one.error["effect"]) == ("Nobody there", "unknown")
    more = "          - {call: http, with: {method: post, endpoint: 'https://c.example.com'}}\n- last"
    other = Trial(STEP.replace("- last", more), {"n": 3})
    other.fail("a", effect="unknown")
    other.fail("a", effect="none")
    assert other.error["effect"] == "unknown", "the third would do what the first may have done"


def test_a_retry_by_people_begins_anew_with_the_key_of_the_step() -> None:
    one = trial(incidents=True)
    for _ in range(3):
        one.fail("a", effect="none")
    assert [each.attempt for each in one.open_incidents] == [2]
    one.repair("a", "retry")
    again = one.pending["/do/0/a"]
    assert (again.function, again.attempt, again.key) == ("http", 3, step_id(INSTANCE, "/do/0/a", 0, 0))
    one.fail("a", effect="none")
    assert one.pending["/do/0/a"].attempt == 4


def test_what_is_withdrawn_is_taken_back_from_who_was_asked() -> None:
    one = trial()
    one.fail("a", effect="unknown")
    one.pass_time(60_000)
    assert [(each.function, each.attempt) for each in one.withdrawn] == [("human", 1)]


def test_arguments_that_fail_ask_nobody_and_take_nothing_back() -> None:
    one = Trial(STEP.replace("n: '${ .n }'", "n: '${ .n + [] }'"), {"n": 3})
    one.fail("a", effect="none")
    assert one.error["title"] == "Expression error" and not one.withdrawn


def test_a_corrected_definition_must_ask_the_same_who_is_asked_now() -> None:
    both = "- both:\n    fork:\n      branches:\n" + indent(STEP.partition("- last")[0], "        ")
    both += "        - b: {call: human, with: {team: t, title: x, outcomes: [ok]}}\n"
    one = Trial(both, {"n": 3}, limits=Limits(incidents=True))
    one.fail("a", effect="none")
    one.fail("b")
    before, _, rest = both.partition("          - call: http\n")
    fewer = before + rest[rest.index("          - {call: human") :]
    other = one.repair("b", "retry", graph_of(fewer))
    assert other.transitions[0].data is not None
    assert "waits for the answer of http" in other.transitions[0].data.value()["refused"]


def test_history_tells_of_tries_by_others_and_nothing_changes() -> None:
    one = trial()
    error = {"type": "about:blank", "title": "Away", "status": 503, "detail": None}
    told = StepRetrying(
        instance_id=INSTANCE, pointer="/do/0/a", iteration=0, attempt=0, retry=2, retries=5, due_ms=one.now_ms + 5,
        error=error,
    )  # fmt: skip
    done = one.send(told)
    assert [each.phase for each in done.transitions] == ["task.retried"] and not done.commands
    assert done.transitions[0].data is not None
    assert done.transitions[0].data.value()["because"]["title"] == "Away"
    one.fail("a", effect="none")
    assert one.send(told).transitions == [], "nobody waits for that try any more"


def policy_of(tasks: str, name: str, more: str = "") -> recovery.Policy | None:
    (task,) = [each for each in graph_of(tasks, more).tasks if isinstance(each, Call) and each.name == name]
    return None if task.recovery is None else recovery.decode(task.recovery)


GUARDED = f"""
- outer:
    try:
      - plain: {{call: human, with: {{{HEAD}}}}}
      - own: {{call: human, with: {{{HEAD}}}, metadata: {{recovery: {{retries: 9}}}}}}
      - inner:
          try: [{{deep: {{call: human, with: {{{HEAD}}}}}}}]
          catch: {{do: [{{handled: {{call: human, with: {{{HEAD}}}}}}}]}}
    catch:
      errors: {{with: {{status: 503}}}}
      retry: often
      do: [{{late: {{call: human, with: {{{HEAD}}}}}}}]
"""
OFTEN = "use: {retries: {often: {delay: {seconds: 2}, backoff: {linear: {}}, limit: {attempt: {count: 4}}}}}"


def test_the_retry_of_a_catch_is_the_policy_of_the_calls_in_its_try() -> None:
    plain = policy_of(GUARDED, "plain", OFTEN)
    assert plain == recovery.Policy(retries=4, backoff="linear", delay_ms=2_000, jitter="none", only={"status": 503})
    assert policy_of(GUARDED, "deep", OFTEN) == policy_of(GUARDED, "handled", OFTEN) == plain
    own = policy_of(GUARDED, "own", OFTEN)
    assert own is not None and own.retries == 9
    assert policy_of(GUARDED, "late", OFTEN) is None


def test_conditions_of_a_retry_travel_with_the_policy() -> None:
    when = "use: {retries: {often: {when: '${ $error.status == 503 }', exceptWhen: .reason == \"GONE\"}}}"
    plain = policy_of(GUARDED, "plain", when)
    assert plain is not None
    assert (plain.when, plain.unless) == ("$error.status == 503", '.reason == "GONE"')
