"""What nobody catches waits for people, and goes on as they decide."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.ids import step_id
from schemas.lifecycle import Phase
from streams.engine import Limits
from streams.engine.messages import StepCommand
from tests.support.trial import INSTANCE, Trial, call, graph_of

MENDED = Limits(incidents=True)
BROKEN_TYPE = "https://example.com/broken"


def trial(tasks: str, data: Any = None, more: str = "") -> Trial:
    return Trial(tasks, data, more, MENDED)


def test_a_step_that_nobody_catches_waits_at_its_place() -> None:
    one = trial(call("a") + "\n" + call("b"), {"n": 1})
    one.fail("a", reason="UNREACHED")
    assert one.outcome is None and one.status == "incident"
    (incident,) = one.open_incidents
    assert (incident.pointer, incident.reason, incident.function) == ("/do/0/a", "UNREACHED", "human")
    assert incident.opened_at_ms == one.now_ms and incident.closed_at_ms is None
    assert one.phases("a") == [Phase.TASK_STARTED, Phase.INCIDENT_OPENED]


def test_where_nobody_mends_it_faults_as_ever() -> None:
    one = Trial(call("a"))
    one.fail("a")
    assert one.error["type"] == BROKEN_TYPE


def test_a_retry_sends_the_step_again_with_its_input_and_its_key() -> None:
    one = trial(call("a") + "\n" + call("b"), {"n": 1})
    first = one.pending["/do/0/a"]
    assert first.key is None
    one.fail("a")
    one.repair("a", "retry")
    again = one.pending["/do/0/a"]
    assert (again.iteration, again.attempt, again.arguments) == (0, 1, first.arguments)
    assert again.key == step_id(INSTANCE, "/do/0/a", 0, 0)
    one.fail("a")
    one.repair("a", "retry")
    assert one.pending["/do/0/a"].key == again.key and one.pending["/do/0/a"].attempt == 2
    one.answer("a", {"n": 2})
    assert one.input_of("b") == {"n": 2} and one.status == "waiting"
    one.answer("b", {"n": 3})
    assert one.output == {"n": 3}
    assert [each.status for each in one.incidents.values()] == ["retried", "retried"]
    assert one.phases("a") == ["task.started", *["incident.opened", "task.retried"] * 2, "task.completed"]


def test_a_retry_takes_a_new_key_if_told_so() -> None:
    one = trial(call("a"))
    one.fail("a")
    one.repair("a", "retry", key="new")
    assert one.pending["/do/0/a"].key == step_id(INSTANCE, "/do/0/a", 0, 1), "whoever asks keeps none of before"


def test_a_retry_changes_the_input_of_that_step_alone() -> None:
    one = trial(call("a", ", input: {from: '${ .deep }'}"), {"deep": {"n": 1, "m": 2}, "x": 1})
    one.fail("a")
    one.repair("a", "retry", input={"deep": {"n": 5, "m": None}})
    assert one.input_of("a") == {"n": 5}


def test_history_says_who_decided_what_and_why() -> None:
    one = trial(call("a"))
    one.fail("a")
    one.repair("a", "retry")
    (retried,) = [each for each in one.history if each.phase == Phase.TASK_RETRIED]
    told = retried.data.value() if retried.data is not None else {}
    assert (told["actor"], told["why"], told["action"], told["repair"]) == ("ann", "mended", "retry", "r1")


def test_a_skip_gives_what_the_step_would_have_given() -> None:
    one = trial(call("a", ", output: {as: '${ .n }'}") + "\n- last: {set: '${ {got: .} }'}")
    one.fail("a")
    one.repair("a", "skip", output={"n": 7})
    assert one.output == {"got": 7}
    assert [each.status for each in one.incidents.values()] == ["skipped"]


def test_a_failure_by_hand_goes_past_every_catch() -> None:
    one = trial(
        """
        - outer:
            try:
              - a: {call: human, with: {team: t, title: x, outcomes: [ok]}}
            catch: {errors: {with: {status: 503}}, do: [{mended: {set: {ok: true}}}]}
        """
    )
    one.fail("a", status=500)
    one.repair("a", "fail")
    assert one.error["status"] == 500
    assert [each.status for each in one.incidents.values()] == ["failed"]


def test_what_a_catch_takes_is_no_incident() -> None:
    one = trial(
        """
        - outer:
            try:
              - a: {call: human, with: {team: t, title: x, outcomes: [ok]}}
            catch: {errors: {with: {status: 500}}, when: '${ $error.status == 500 }', do: [{b: {set: {ok: true}}}]}
        """
    )
    one.fail("a")
    assert one.output == {"ok": True} and not one.incidents


def test_a_catch_that_cannot_be_judged_is_the_error_that_waits() -> None:
    one = trial(
        """
        - outer:
            try:
              - a: {call: human, with: {team: t, title: x, outcomes: [ok], input: '${ . }'}}
            catch: {when: '${ .n + "x" == "" }'}
        """,
        {"n": 1},
    )
    one.fail("a")
    assert [each.pointer for each in one.open_incidents] == ["/do/0/outer"]
    one.repair("outer", "retry", input={"n": "y"})
    one.answer("a", {"fine": 1})
    assert one.output == {"fine": 1}


FORK = """
- both:
    fork:
      branches:
        - left: {call: human, with: {team: t, title: x, outcomes: [ok]}}
        - right: {call: human, with: {team: t, title: x, outcomes: [ok]}}
"""


def test_other_branches_go_on_and_each_can_have_an_incident() -> None:
    one = trial(FORK)
    one.fail("left")
    one.fail("right")
    assert len(one.open_incidents) == 2
    one.repair("right", "skip", output=2)
    assert one.status == "incident"
    one.repair("left", "skip", output=1)
    assert one.output == [1, 2]


def test_who_cancels_closes_the_incident() -> None:
    one = trial(call("a"))
    one.fail("a")
    one.cancel()
    assert one.outcome is not None and one.outcome.status == "cancelled"
    assert [each.status for each in one.incidents.values()] == ["cancelled"]


def test_a_raise_faults() -> None:
    one = trial(f"- a: {{raise: {{error: {{type: '{BROKEN_TYPE}', status: 422}}}}}}")
    assert one.error["status"] == 422


def test_an_input_against_the_schema_of_the_workflow_faults() -> None:
    one = trial(call("a"), 3, "input: {schema: {document: {type: object}}}")
    assert one.error["status"] == 400


def test_the_timeout_of_the_workflow_keeps_running_and_faults() -> None:
    one = trial(call("a"), None, "timeout: {after: {seconds: 5}}")
    one.fail("a")
    one.pass_time(5_000)
    assert one.error["status"] == 408
    assert [each.status for each in one.incidents.values()] == ["cancelled"]


def test_the_timeout_of_a_task_keeps_running_and_can_be_caught() -> None:
    one = trial(
        """
        - outer:
            try:
              - a: {call: human, with: {team: t, title: x, outcomes: [ok]}, timeout: {after: {seconds: 5}}}
            catch: {errors: {with: {status: 408}}, do: [{late: {set: {late: true}}}]}
        """
    )
    one.fail("a")
    one.pass_time(5_000)
    assert one.output == {"late": True}


def test_a_timeout_that_nobody_catches_tells_what_was_before() -> None:
    one = trial(call("a", ", timeout: {after: {seconds: 5}}"), {"n": 1})
    one.fail("a")
    one.pass_time(5_000)
    (incident,) = one.open_incidents
    assert incident.error["status"] == 408 and "Broken" in (incident.error["detail"] or "")
    one.repair("a", "retry")
    assert one.input_of("a") == {"n": 1}
    one.pass_time(4_999)
    assert one.waiting_for == ["a"]
    one.pass_time(1)
    assert [each.pointer for each in one.open_incidents] == ["/do/0/a"]


def test_a_step_that_is_done_is_not_done_again_for_its_output() -> None:
    one = trial(call("a", ", output: {as: '${ .n + \"x\" }'}") + "\n- last: {set: '${ {got: .} }'}")
    one.answer("a", {"n": 1})
    assert one.phases("a") == ["task.started", "incident.opened"]
    refused = one.repair("a", "retry", input={"n": "y"})
    assert [each.phase for each in refused.transitions] == ["repair.refused"]
    corrected = graph_of(call("a", ", output: {as: '${ .n }'}") + "\n- last: {set: '${ {got: .} }'}")
    one.repair("a", "retry", corrected)
    assert one.output == {"got": 1} and not one.pending


def test_where_the_flow_goes_behind_a_task_is_not_forgotten() -> None:
    one = trial(
        """
        - choose:
            switch: [{high: {when: '${ .n > 1 }', then: second}}, {low: {then: first}}]
            output: {as: '${ .text + 1 }'}
        - first: {set: {went: first}, then: end}
        - second: {set: {went: second}}
        """,
        {"n": 5, "text": "t"},
    )
    one.repair("choose", "skip", output={"n": 5, "text": 1})
    assert one.output == {"went": "second"}


def test_a_condition_that_failed_is_looked_at_again() -> None:
    broken = '- a: {if: \'${ .n + "x" == "" }\', set: {done: true}}\n' + call("b")
    one = trial(broken, {"n": 1})
    assert one.phases("a") == ["incident.opened"]
    one.repair("a", "retry", graph_of("- a: {if: '${ .n == 2 }', set: {done: true}}\n" + call("b")))
    assert one.phases("a") == ["incident.opened", "task.retried", "task.skipped"]
    assert one.input_of("b") == {"n": 1}


def test_an_unopened_incident_is_refused_with_the_reason() -> None:
    one = trial(FORK)
    one.fail("left")
    (number,) = one.incidents
    one.repair("left", "retry")
    late = one.send(one.decision(number, "retry"))
    assert [each.phase for each in late.transitions] == ["repair.refused"]
    assert late.transitions[0].data is not None and "not open" in late.transitions[0].data.value()["refused"]
    assert not late.commands


def test_a_corrected_definition_must_have_the_open_places() -> None:
    one = trial(FORK)
    one.fail("left")
    other = graph_of(FORK.replace("right", "wrong"))
    refused = one.repair("left", "retry", other)
    assert refused.transitions[0].phase == "repair.refused"
    assert refused.transitions[0].data is not None
    told = refused.transitions[0].data.value()["refused"]
    assert "/do/0/both/fork/branches/1/right" in told and "other branches" in told
    corrected = graph_of(FORK + "    output: {as: '${ {all: .} }'}\n")
    one.repair("left", "retry", corrected)
    one.answer("left", 1)
    one.answer("right", 2)
    assert one.output == {"all": [1, 2]}
    assert one.outcome is not None and one.outcome.digest == corrected.digest


def test_a_corrected_definition_must_mean_the_same_by_what_was_kept() -> None:
    """An instance without the events cannot go on with a definition that lists them."""
    events = "schedule: {on: {one: {with: {type: tests.begun}}}}"
    one = trial(call("a", ", if: '${ $workflow.id != null }'"), {"n": 1}, events)
    one.fail("a")
    refused = one.repair("a", "retry", graph_of(call("a", ", if: '${ $workflow.input[0].data.n == 1 }'"), events))
    assert refused.transitions[0].phase == "repair.refused" and refused.transitions[0].data is not None
    assert "$workflow.input means another thing" in refused.transitions[0].data.value()["refused"]


def test_a_corrected_definition_may_do_something_else_at_the_failed_place() -> None:
    one = trial(call("a") + "\n- last: {set: '${ {got: .} }'}", {"n": 1})
    one.fail("a")
    one.repair("a", "retry", graph_of("- a: {set: {n: 4}}\n- last: {set: '${ {got: .} }'}"))
    assert one.output == {"got": {"n": 4}}


def test_a_task_of_a_loop_that_has_become_a_call_is_a_step_of_its_own_each_time() -> None:
    """A `set` has no number. Its place in the first round must not be that of the call in the second."""
    rounds = "- all: {{for: {{each: x, in: '${{ .xs }}'}}, do: [{}]}}"
    one = trial(rounds.format("{a: {set: '${ .xs.broken }'}}"), {"xs": [1, 2, 3]})
    one.repair("a", "retry", graph_of(rounds.format(call("a").removeprefix("- ").join("{}"))))
    keys, places = [], []
    for _ in range(3):
        first = one.pending["/do/0/all/do/0/a"]
        one.fail("a")
        one.repair("a", "retry")
        again = one.pending["/do/0/all/do/0/a"]
        assert again.key is not None and again.key == (first.key or step_id(INSTANCE, *places_of(first)))
        keys.append(again.key)
        places += [places_of(first), places_of(again)]
        one.answer("a", {"xs": [1, 2, 3]})
    assert one.outcome is not None
    assert (len(set(keys)), len(set(places))) == (3, 6)


def places_of(command: StepCommand) -> tuple[str, int, int]:
    """What names the step in its instance."""
    return command.pointer, command.iteration, command.attempt


def test_a_repair_that_would_break_a_limit_changes_nothing() -> None:
    one = trial(call("a", ", output: {as: '${ .n + 1 }'}"), {"n": 1})
    one.fail("a")
    endless = graph_of("- a: {set: {n: 4}}\n- again: {set: {n: 4}, then: a}")
    refused = one.repair("a", "retry", endless)
    assert [each.phase for each in refused.transitions] == ["repair.refused"]
    assert one.status == "incident" and one.outcome is None


def test_a_definition_may_ask_for_faults() -> None:
    graph = graph_of(call("a"))
    assert not graph.faults


@pytest.mark.parametrize(("on_error", "faults"), [("fault", True), ("incident", False)])
def test_on_error_says_what_becomes_of_what_nobody_catches(on_error: str, faults: bool) -> None:
    from tests.support.definitions import load

    text = (
        f"document: {{dsl: '1.0.3', namespace: t, name: x, version: '1.0.0', metadata: {{onError: {on_error}}}}}\n"
        "do: [{a: {set: {n: 1}}}]"
    )
    assert load(text).faults is faults
