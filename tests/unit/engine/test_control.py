"""Instances that stand still take results in, start nothing, and go on as if what came had come in its time."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.ids import event_key
from schemas.lifecycle import Phase
from streams.engine import ControlChild, Instance, Limits, OfferedEvent, TimerFired, decode_state, next_due_ms, waits
from tests.support.trial import INSTANCE, Trial, call, graph_of

TWO = f"{call('a')}\n{call('b')}"
FORK = f"- f:\n    fork:\n      branches:\n        {call('a')}\n        {call('b')}"
LISTENS = (
    "- w:\n    listen: {to: {one: {with: {type: p.v1}, correlate: {order: {from: .order, expect: '${ .id }'}}}}}\n"
)
MENDED = Limits(incidents=True)


def phases(trial: Trial) -> list[str]:
    return [each.phase for each in trial.history]


def state(trial: Trial) -> Instance[Any]:
    assert trial.row is not None
    found = decode_state(trial.row)
    assert isinstance(found, Instance)
    return found


def told(trial: Trial) -> dict[str, Any]:
    data = trial.history[-1].data
    assert data is not None
    found: dict[str, Any] = data.value()
    return found


def test_suspended_instance_takes_a_result_in_and_starts_nothing_until_it_is_resumed() -> None:
    one = Trial(TWO, {"x": 1})
    one.control("suspend")
    assert (one.status, one.waiting_for) == ("suspended", ["a"])
    assert one.answer("a", {"y": 2}).commands == []
    assert (one.status, one.waiting_for) == ("suspended", [])
    one.control("resume")
    assert (one.status, one.waiting_for, one.input_of("b")) == ("waiting", ["b"], {"y": 2})
    one.answer("b", "end")
    assert one.output == "end"
    assert [each for each in phases(one) if not each.startswith("task")] == [
        "workflow.started", "workflow.suspended", "result.kept", "workflow.resumed", "workflow.completed",
    ]  # fmt: skip


def test_who_and_why_stand_in_history() -> None:
    one = Trial(TWO)
    one.control("suspend")
    assert told(one) == {"control": "c1", "action": "suspend", "actor": "ann", "why": "so"}


def test_what_falls_due_meanwhile_happens_on_resume_once() -> None:
    one = Trial("- pause: {wait: {seconds: 5}}\n- after: {set: {done: true}}")
    one.control("suspend")
    assert next_due_ms(state(one)) == 0
    one.now_ms += 60_000
    one.send(TimerFired(instance_id=INSTANCE, due_ms=one.now_ms))  # of a timer that was on its way
    assert one.status == "suspended"
    one.control("resume")
    assert one.output == {"done": True}
    assert phases(one).count("task.completed") == 2


def test_what_begins_on_resume_has_its_whole_time() -> None:
    timed = ", timeout: {after: {seconds: 9}}"
    one = Trial(f"{call('a')}\n- pause: {{wait: {{seconds: 5}}}}\n{call('b', timed)}")
    one.control("suspend")
    one.answer("a", 1)
    one.now_ms += 60_000
    one.control("resume")
    assert next_due_ms(state(one)) == one.now_ms + 5_000
    one.pass_time(5_000)
    assert one.pending["/do/2/b"].deadline_ms == one.now_ms + 9_000


@pytest.mark.parametrize(("came_ms", "ends"), [(4_000, "completed"), (6_000, "faulted")])
def test_result_counts_by_the_time_at_which_it_came(came_ms: int, ends: str) -> None:
    one = Trial(call("a", ", timeout: {after: {seconds: 5}}"))
    one.control("suspend")
    one.now_ms += came_ms
    one.answer("a", 1)
    one.now_ms += 60_000
    one.control("resume")
    assert one.outcome is not None and one.outcome.status == ends


def test_results_are_taken_in_the_order_in_which_they_came() -> None:
    one = Trial(FORK)
    one.control("suspend")
    one.answer("b", 2)
    one.fail("a")
    one.control("resume")
    assert one.error["title"] == "Broken"
    ended = [each.pointer for each in one.history if each.phase in ("task.completed", "task.faulted")]
    assert [pointer.rpartition("/")[2] for pointer in ended][:2] == ["b", "a"]


def test_a_result_twice_counts_once() -> None:
    one = Trial(TWO)
    result = one.result("a", 1)
    one.control("suspend")
    one.send(result)
    one.send(result)
    assert phases(one)[-2:] == [Phase.RESULT_KEPT, Phase.RESULT_IGNORED]
    one.control("resume")
    assert one.waiting_for == ["b"]


def test_wish_that_cannot_be_is_refused_with_its_reason() -> None:
    one = Trial(TWO)
    one.control("resume")
    assert (phases(one)[-1], one.status) == (Phase.CONTROL_REFUSED, "waiting")
    one.control("suspend")
    one.control("suspend")
    assert (phases(one)[-1], one.status) == (Phase.CONTROL_REFUSED, "suspended")
    one.control("dance")
    assert phases(one)[-1] == Phase.CONTROL_REFUSED


CHILD = "workflow: {namespace: tests, name: child}"


def controls(trial: Trial) -> list[tuple[str, str]]:
    return [(each.pointer, each.action) for each in trial.asked if isinstance(each, ControlChild)]


def test_children_that_are_waited_for_stand_and_go_on_with_it() -> None:
    awaited = (("a", ""), ("b", ", await: false"), ("c", ""))
    branches = ", ".join(f"{{{name}: {{run: {{{CHILD}{more}}}}}}}" for name, more in awaited)
    trial = Trial(f"- f: {{fork: {{branches: [{branches}]}}}}\n- d: {{run: {{{CHILD}}}}}")
    trial.answer("b")  # is not waited for
    trial.control("suspend")
    assert controls(trial) == [("/do/0/f/fork/branches/0/a", "suspend"), ("/do/0/f/fork/branches/2/c", "suspend")]
    trial.answer("a")
    trial.answer("c")
    assert "d" not in trial.started, "what children have given is kept"
    trial.asked.clear()
    trial.control("resume")
    assert "d" in trial.started
    assert {action for _, action in controls(trial)} == {"resume"}
    assert "/do/1/d" not in [pointer for pointer, _ in controls(trial)], "it begins with the instance going on"


def test_suspended_instance_can_be_cancelled() -> None:
    one = Trial(TWO)
    one.control("suspend")
    one.cancel()
    assert one.outcome is not None and one.outcome.status == "cancelled"
    assert [each.pointer for each in one.withdrawn] == ["/do/0/a"]


def test_incident_of_a_suspended_instance_is_not_retried_but_can_be_made_the_end() -> None:
    one = Trial(TWO, limits=MENDED)
    one.fail("a")
    one.control("suspend")
    one.repair("a", "retry")
    assert (phases(one)[-1], one.waiting_for) == (Phase.REPAIR_REFUSED, [])
    one.repair("a", "fail")
    assert one.outcome is not None and one.outcome.status == "faulted"


def test_suspended_instance_goes_on_by_nothing() -> None:
    one = Trial("- pause: {wait: {seconds: 5}}")
    one.control("suspend")
    (wait,) = waits(state(one))
    assert wait.until_ms is None


@pytest.mark.parametrize(("came_ms", "ends"), [(4_000, "completed"), (6_000, "faulted")])
def test_event_that_is_listened_for_counts_on_resume_as_of_its_time(came_ms: int, ends: str) -> None:
    one = Trial(f"{LISTENS}    timeout: {{after: {{seconds: 5}}}}\n- then: {{set: {{got: '${{ .[0] }}'}}}}", {"id": 5})
    (wait,) = one.awaited
    one.control("suspend")
    one.now_ms += came_ms
    one.receive(wait, "1", {"sum": 3}, {"order": 5})
    assert one.status == "suspended"
    one.now_ms += 60_000
    one.control("resume")
    assert one.outcome is not None and one.outcome.status == ends
    if ends == "completed":
        assert one.output == {"got": {"sum": 3}}


def test_event_that_was_kept_is_for_others_when_the_instance_ends_without_it() -> None:
    one = Trial(LISTENS, {"id": 5})
    (wait,) = one.awaited
    one.control("suspend")
    one.receive(wait, "1", {"sum": 3}, {"order": 5})
    one.cancel()
    (offered,) = [each for each in one.asked if isinstance(each, OfferedEvent)]
    assert (offered.key, offered.event_key, offered.origin) == (wait.key, event_key("/elsewhere", "1"), 7)


def test_listening_that_stands_elsewhere_is_not_moved() -> None:
    one = Trial(LISTENS, {"id": 5})
    one.control("move", graph_of(f"- first: {{set: {{x: 1}}}}\n{LISTENS}"), w="w")
    assert "would not find it" in told(one)["refused"]


# Moves

ELSEWHERE = f"- first: {{set: {{new: 1}}}}\n{call('a')}\n{call('c')}"


def test_waiting_instance_goes_on_with_another_definition() -> None:
    one = Trial(TWO)
    one.control("move", graph_of(f"{call('a')}\n{call('c')}"))
    one.answer("a", 1)
    assert one.waiting_for == ["c"]


def test_suspended_instance_stays_so_when_it_is_moved() -> None:
    one = Trial(TWO)
    one.control("suspend")
    one.answer("a", 1)
    one.control("move", graph_of(f"{call('a')}\n{call('c')}"))
    assert one.status == "suspended"
    one.control("resume")
    assert one.waiting_for == ["c"]


def test_open_step_that_stands_elsewhere_now_takes_the_answer_to_what_it_was_asked_with() -> None:
    one = Trial(TWO, {"x": 1})
    other = graph_of(ELSEWHERE)
    one.control("move", other)
    assert phases(one)[-1] == Phase.CONTROL_REFUSED
    one.control("move", other, a="a")
    assert one.graph is other
    one.answer("a", 1)  # from /do/0/a
    assert one.waiting_for == ["c"]
    assert one.history[-2].pointer == "/do/1/a"


def test_moved_step_is_done_again_with_its_key_and_taken_back_by_its_address() -> None:
    other = graph_of(ELSEWHERE)
    one = Trial(TWO, limits=MENDED)
    one.control("move", other, a="a")
    one.fail("a")
    one.repair("a", "retry")
    assert one.pending["/do/1/a"].key == f"{INSTANCE}/do/0/a/0/0"
    one.answer("a", 1)
    assert one.waiting_for == ["c"]
    two = Trial(TWO)
    two.control("move", other, a="a")
    two.cancel()
    assert [each.pointer for each in two.withdrawn] == ["/do/0/a"]


def test_moved_incident_is_done_again_with_its_key() -> None:
    one = Trial(TWO, limits=MENDED)
    one.fail("a")
    one.control("move", graph_of(ELSEWHERE), a="a")
    one.send(one.decision(max(one.incidents), "retry"))
    assert one.pending["/do/1/a"].key == f"{INSTANCE}/do/0/a/0/0"


def test_open_fork_is_moved_with_all_that_is_in_it() -> None:
    one = Trial(FORK)
    one.answer("a", 1)
    one.control("move", graph_of(f"- first: {{set: {{x: 1}}}}\n{FORK}"), f="f")
    assert phases(one)[-1] == Phase.WORKFLOW_MOVED
    one.answer("b", 2)
    assert one.output == [1, 2]


def test_branches_of_an_open_fork_do_not_change_their_places() -> None:
    one = Trial(FORK)
    one.answer("a", 1)
    one.control("move", one.graph, a="b", b="a")  # what a has given would be taken for what b gives
    assert "has other branches now" in told(one).get("refused", "")
    one.answer("b", 2)
    assert one.output == [1, 2]


@pytest.mark.parametrize(
    ("tasks", "places", "because"),
    [
        (call("b"), {}, "there is no /do/0/a"),
        ("- a: {set: {x: 1}}", {}, "is of another kind now"),
        (f"- in:\n    do:\n      {call('a')}", {"a": "a"}, "is in something else there"),
        (call("b"), {"a": "b"}, ""),
        (TWO, {"z": "a"}, "there has been no"),
        (TWO, {"a": "z"}, "there is no /do/9/z"),
    ],
)
def test_move_that_does_not_fit_is_refused_with_why(tasks: str, places: dict[str, str], because: str) -> None:
    one = Trial(call("a"))
    one.control("move", graph_of(tasks), **places)
    assert because in told(one).get("refused", "")
    assert (one.history[-1].phase == Phase.CONTROL_REFUSED) == bool(because)
