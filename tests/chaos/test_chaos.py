"""Systems fail, processes and broker are killed: one end for each event, each effect once, no letter forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.reasons import Effect, Reason
from tests.chaos.judging import ONCE
from tests.chaos.run import Plan, run
from tests.support.figures import Report

pytestmark = pytest.mark.broker
SMOKE = 80  # applications; one of two workers is killed, which one the seed says
WORKERS = ("engine", "engine-2", "steps", "steps-2")


@pytest.mark.chaos_smoke
def test_a_little_chaos_doubles_and_loses_nothing(pytestconfig: pytest.Config, tmp_path: Path, report: Report) -> None:
    plan = Plan(pytestconfig.getoption("--seed"), SMOKE, kills=1, broker=False, faults="brief")
    problems, figures = run(plan, tmp_path)
    report(**figures)
    assert not problems, f"--seed {plan.seed} repeats it: {problems[:20]}"


@pytest.mark.chaos
def test_all_chaos_doubles_and_loses_nothing(pytestconfig: pytest.Config, tmp_path: Path, report: Report) -> None:
    option = pytestconfig.getoption
    plan = Plan(option("--seed"), option("--applications"), option("--kills"), WORKERS)
    problems, figures = run(plan, tmp_path)
    report(**figures)
    assert not problems, f"--seed {plan.seed} repeats it: {problems[:20]}"


@pytest.mark.chaos
def test_without_the_intent_it_is_noticed(pytestconfig: pytest.Config, tmp_path: Path, report: Report) -> None:
    plan = Plan(
        pytestconfig.getoption("--seed"), 400, kills=12, workers=("engine", "steps"), broker=False, faults="brief",
        program="tests.chaos.without_intent",
    )  # fmt: skip
    problems, figures = run(plan, tmp_path)
    report(**figures, problems=len(problems))
    assert any("letters" in problem for problem in problems), "no letter was written twice"


@pytest.mark.chaos
def test_where_no_system_tells_what_was_done_it_is_a_doubt_and_not_done_again(
    pytestconfig: pytest.Config, tmp_path: Path, report: Report
) -> None:
    plan = Plan(
        pytestconfig.getoption("--seed"), 150, kills=4, workers=("engine", "steps"), broker=False, faults="mute",
        patience="5s",
    )  # fmt: skip
    problems, figures = run(plan, tmp_path)
    report(**figures)
    assert not problems, f"--seed {plan.seed} repeats it: {problems[:20]}"
    assert figures["incidents"][f"{ONCE['seats']} {Reason.OUTCOME_UNKNOWN} {Effect.UNKNOWN}"], "nothing was in doubt"
