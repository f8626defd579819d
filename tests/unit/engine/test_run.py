"""`run`: what its processor is asked, and how deep instances may start each other."""

from __future__ import annotations

import pytest

from schemas import ids
from schemas.reasons import Reason
from streams.engine import Limits
from tests.support.trial import Trial

RUN = "- r: {run: {workflow: {namespace: sales, name: refund, input: {order: '${ .id }'}}}}"


def test_other_workflow_is_asked_for_with_its_input_and_answers_the_task() -> None:
    trial = Trial(RUN, {"id": 5})
    assert trial.pending["/do/0/r"].function == "run"
    asked = {"await": True, "namespace": "sales", "name": "refund", "input": {"order": 5}, "depth": 1}
    assert trial.pending["/do/0/r"].arguments.value() == asked
    assert trial.status == "running"
    trial.answer("r", {"refunded": 3})
    assert trial.output == {"refunded": 3}


@pytest.mark.parametrize("reason", ["cancel", "timeout"])
def test_step_that_is_not_wanted_any_more_is_taken_back(reason: str) -> None:
    trial = Trial(f"{RUN[:-1]}, timeout: {{after: PT1S}}}}", {"id": 5})
    trial.cancel() if reason == "cancel" else trial.pass_time(1_000)
    assert [(each.pointer, each.function) for each in trial.withdrawn] == [("/do/0/r", "run")]


def test_instances_start_each_other_only_so_deep() -> None:
    assert Limits(children=0).children == 0
    trial = Trial(RUN, {"id": 5}, limits=Limits(children=0))
    assert trial.error["reason"] == Reason.LIMIT_EXCEEDED
    assert trial.pending == {}


def test_depth_is_told_by_the_source_and_by_nothing_else() -> None:
    for awaited in (True, False):
        assert ids.depth_of(ids.child_source(3, awaited=awaited)) == 3
    assert [ids.depth_of(each) for each in ("/shop", "exlify:run/", "exlify:run/x", "")] == [0, 0, 0, 0]


def test_only_the_instance_that_a_step_has_started_answers_it() -> None:
    step = ids.step_id("0" * 32, "/do/0/r", 0, 0)
    child, source = ids.child_id(step), ids.child_source(1, awaited=True)
    assert ids.awaited_by(child, source, step) == step
    assert ids.awaited_by(ids.instance_id("refund", source, step), source, step) is None, "an event that pretends"
    assert ids.awaited_by(child, ids.child_source(1, awaited=False), step) is None
