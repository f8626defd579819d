"""A task that nobody answers is handed on, team by team, in working time where a calendar says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from schemas.messages import CANCEL_STEP, DEAD_LETTER, HUMAN_TASK, STEP_RESULT
from streams.ground.settings import Settings
from streams.processors.human.processor import Human
from streams.processors.human.rules import CLAIM, UNDO
from tests.support.contexts import context
from tests.support.desk import NOW_MS, STEP, TASK_ID, Desk, action, command, message

HOUR = 3_600_000
OFFICE = "office: {hours: ['13:00-15:00']}"  # the command comes at 14:13 on a Monday
LADDER: list[dict[str, Any]] = [{"after": {"hours": 1}, "team": "leads"}, {"after": "PT2H", "team": "managers"}]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    (tmp_path / "calendars.yaml").write_text(OFFICE)
    made = Desk()
    made.processor = Human(context(made.codec, Settings(site_dir=tmp_path)))
    return made


def task(desk: Desk) -> dict[str, Any]:
    """As its row has it."""
    from streams.processors.human.task import decode_task

    return dict(decode_task(desk.table.rows[TASK_ID.encode()].value).fields)


def wait(desk: Desk) -> tuple[int, dict[str, Any]]:
    """What falls due next: when, after the command, and the task that people see then."""
    row = desk.table.rows[TASK_ID.encode()]
    effects = desk.processor.on_due(TASK_ID.encode(), row, row.due_ms)
    desk.table.apply(effects)
    (shown,) = desk.decoded(effects, HUMAN_TASK)
    return row.due_ms - NOW_MS, shown


def test_nobody_answers_so_the_next_team_is_asked_and_then_the_next(desk: Desk) -> None:
    desk.deliver(command(ladder=LADDER))
    for after_ms, team in ((HOUR, "leads"), (3 * HOUR, "managers")):
        at_ms, shown = wait(desk)
        assert (at_ms, shown["team"], shown["status"], shown["version"]) == (after_ms, team, "open", 1)
    assert desk.table.rows[TASK_ID.encode()].due_ms == 0
    assert [(each["action"], each["actor"]) for each in task(desk)["acts"]] == [("hand_on", "exlify")] * 2
    (result,) = desk.decoded(desk.deliver(action()), STEP_RESULT)
    assert result["status"] == "completed"


def test_the_team_that_has_it_is_reminded_before_it_is_handed_on(desk: Desk) -> None:
    desk.deliver(command(ladder=[{"after": "PT30M", "remind": True}, *LADDER]))
    before = task(desk)["team"]
    at_ms, shown = wait(desk)
    assert (at_ms, shown["team"], shown["acts"][-1]["action"]) == (HOUR // 2, before, "remind")
    at_ms, shown = wait(desk)
    assert (at_ms, shown["team"]) == (HOUR + HOUR // 2, "leads")


@pytest.mark.parametrize("rung", [{"after": "PT1H"}, {"after": "PT1H", "remind": False}, {**LADDER[0], "remind": True}])
def test_a_rung_hands_on_or_reminds(rung: dict[str, Any], desk: Desk) -> None:
    (result,) = desk.decoded(desk.deliver(command(ladder=[rung])), DEAD_LETTER)
    assert "ladder" in result["error"]["detail"]


def test_an_answer_or_the_end_of_the_step_ends_the_ladder(desk: Desk) -> None:
    desk.deliver(command(ladder=LADDER))
    desk.deliver(action())
    assert desk.table.rows[TASK_ID.encode()].due_ms > NOW_MS + 24 * HOUR
    desk = Desk()
    desk.deliver(command(ladder=LADDER))
    desk.deliver(message(CANCEL_STEP, {**STEP, "reason": "timed out"}))
    assert task(desk)["status"] == "cancelled"
    assert desk.table.rows[TASK_ID.encode()].due_ms > NOW_MS + 24 * HOUR


def test_what_is_done_is_not_told_as_still_to_be_handed_on(desk: Desk) -> None:
    desk.deliver(command(ladder=LADDER))
    desk.deliver(action())
    assert (task(desk)["status"], task(desk)["hands_on_ms"]) == ("completed", None)


def test_an_answer_that_is_taken_back_leaves_the_ladder_and_one_that_stands_ends_it(desk: Desk) -> None:
    desk.deliver(command(ladder=LADDER), action(until_ms=NOW_MS + 60_000))
    desk.deliver(action("u", action=UNDO, expected_version=2))
    assert (task(desk)["status"], task(desk)["hands_on_ms"]) == ("open", NOW_MS + HOUR)
    desk.deliver(action("again", until_ms=NOW_MS + 60_000, expected_version=3))
    assert (wait(desk)[1]["status"], task(desk)["hands_on_ms"]) == ("completed", None)


def test_a_step_of_the_ladder_that_comes_again_after_a_crash_gives_the_same(desk: Desk) -> None:
    desk.deliver(command(ladder=LADDER))
    row = desk.table.rows[TASK_ID.encode()]
    first = desk.processor.on_due(TASK_ID.encode(), row, row.due_ms)
    assert desk.processor.on_due(TASK_ID.encode(), row, row.due_ms + 9 * HOUR) == first


def test_whoever_has_claimed_it_can_answer_it_still(desk: Desk) -> None:
    desk.deliver(command(ladder=LADDER), action("c", action=CLAIM, until_ms=NOW_MS + 5 * HOUR))
    _, shown = wait(desk)
    assert (shown["team"], shown["assignee"]) == ("leads", "kim")
    assert len(desk.decoded(desk.deliver(action()), STEP_RESULT)) == 1


def test_due_and_ladder_count_working_time_of_the_calendar(desk: Desk) -> None:
    own: dict[str, Any] = {**LADDER[1], "calendar": "nowhere"}  # that the site does not have: all time counts
    desk.deliver(command(ladder=[LADDER[0], own], calendar="office", due="PT1H"))
    overnight = NOW_MS + 23 * HOUR  # 47 minutes until three, the rest the next day from one on
    assert task(desk)["due_ms"] == overnight
    assert [wait(desk)[0], wait(desk)[0]] == [23 * HOUR, 25 * HOUR]


@pytest.mark.parametrize(
    "ladder",
    [{}, "managers", [{"team": "a"}], [{"after": "soon", "team": "a"}], [{"after": "PT1H", "team": "a", "x": 1}]],
)
def test_what_is_no_ladder_is_a_fault_of_the_step(desk: Desk, ladder: Any) -> None:
    (letter,) = desk.decoded(desk.deliver(command(ladder=ladder)), DEAD_LETTER)
    assert letter["error"]["reason"] == "INPUT_INVALID"
    assert "human: ladder" in letter["error"]["detail"]
