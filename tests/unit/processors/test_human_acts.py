"""Who works on a task: claims that end, tasks put aside, and answers that can be taken back for a while."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.messages import CANCEL_STEP, HUMAN_TASK, STEP_RESULT
from streams.runtime.processor import Effects, Message
from tests.support.data import payload
from tests.support.desk import NOW_MS, STEP, TASK_ID, Desk, action, command, message

AT_MS = NOW_MS + 5_000  # when actions are taken
LATER_MS = AT_MS + 60_000
NOTHING: dict[str, Any] = {"outcome": "", "data": payload(None), "expected_version": None}
KEY = TASK_ID.encode()


@pytest.fixture
def desk() -> Desk:
    made = Desk()
    made.deliver(command())
    return made


def act(what: str, by: str = "kim", **changes: Any) -> Message:
    return action(f"{what}-{by}", action=what, actor=by, **(NOTHING | changes))


def newest(desk: Desk, effects: Effects) -> dict[str, Any]:
    return desk.decoded(effects, HUMAN_TASK)[-1]


def refused(task: dict[str, Any]) -> str | None:
    return task["refusals"][-1]["reason"] if task["refusals"] else None


def test_claimed_task_is_answered_by_nobody_else(desk: Desk) -> None:
    claimed = newest(desk, desk.deliver(act("claim", until_ms=LATER_MS)))
    assert (claimed["assignee"], claimed["assigned_until_ms"], claimed["version"]) == ("kim", LATER_MS, 1)
    for other in (action("a2", actor="bo"), act("claim", "bo"), act("release", "bo"), act("put_aside", "bo")):
        effects = desk.deliver(other)
        assert refused(newest(desk, effects)) == "TASK_CLAIMED" and desk.decoded(effects, STEP_RESULT) == []
    assert newest(desk, desk.deliver(action()))["completed_by"] == "kim"


@pytest.mark.parametrize("ended", [act("claim", until_ms=AT_MS), act("claim", until_ms=AT_MS - 1)])
def test_claim_ends_by_itself(desk: Desk, ended: Message) -> None:
    desk.deliver(ended)
    assert newest(desk, desk.deliver(act("claim", "bo")))["assignee"] == "bo"


def test_claim_lasts_a_day_at_most(desk: Desk) -> None:
    task = newest(desk, desk.deliver(act("claim", until_ms=AT_MS * 2)))
    assert task["assigned_until_ms"] == AT_MS + 86_400_000


def test_a_task_is_given_to_a_colleague_by_who_may_have_it(desk: Desk) -> None:
    given = newest(desk, desk.deliver(act("delegate", data=payload("bo"))))
    assert (given["assignee"], given["assigned_until_ms"]) == ("bo", AT_MS + 86_400_000)
    assert refused(newest(desk, desk.deliver(act("claim")))) == "TASK_CLAIMED"
    back = newest(desk, desk.deliver(act("delegate", "bo", data=payload("kim"), until_ms=LATER_MS)))
    assert (back["assignee"], back["assigned_until_ms"]) == ("kim", LATER_MS)
    assert [(each["action"], each["actor"]) for each in back["acts"]] == [("delegate", "kim"), ("delegate", "bo")]
    assert newest(desk, desk.deliver(action()))["completed_by"] == "kim"


@pytest.mark.parametrize("name", ["", " ", "bo\nkim", "x" * 201, 7, None])
def test_nobody_is_called_that(desk: Desk, name: Any) -> None:
    task = newest(desk, desk.deliver(act("delegate", data=payload(name))))
    assert (refused(task), task["assignee"]) == ("DATA_INVALID", None)


def test_released_task_and_one_put_aside_are_free_for_others(desk: Desk) -> None:
    desk.deliver(act("claim"))
    assert newest(desk, desk.deliver(act("release")))["assignee"] is None
    aside = newest(desk, desk.deliver(act("put_aside", until_ms=LATER_MS)))
    assert (aside["assignee"], aside["aside_until_ms"], aside["status"]) == (None, LATER_MS, "open")
    again = newest(desk, desk.deliver(act("claim", "bo")))
    assert (again["assignee"], again["aside_until_ms"]) == ("bo", None)
    assert [(each["action"], each["actor"]) for each in again["acts"]] == [
        ("claim", "kim"), ("release", "kim"), ("put_aside", "kim"), ("claim", "bo"),
    ]  # fmt: skip


def test_anybody_notes_something_about_an_open_task_once_and_changes_nothing_else(desk: Desk) -> None:
    claimed = newest(desk, desk.deliver(act("claim", until_ms=LATER_MS)))
    note = act("comment", "bo", data=payload("waits for the bank"))
    noted = newest(desk, desk.deliver(note))
    (comment,) = noted["comments"].value()
    assert (comment["actor"], comment["text"]) == ("bo", "waits for the bank")
    unchanged = {name for name in noted if noted[name] == claimed[name]}
    assert set(noted) - unchanged == {"comments", "updated_at_ms"} or set(noted) - unchanged == {"comments"}
    assert desk.deliver(note).outputs == []  # a copy
    done = newest(desk, desk.deliver(action()))
    assert (done["status"], len(done["comments"].value())) == ("completed", 1)
    assert refused(newest(desk, desk.deliver(act("comment", "ada", data=payload("late"))))) == "TASK_CLOSED"


@pytest.mark.parametrize("text", ["", " ", "x" * 1_001, 7, None])
def test_what_is_no_comment_is_refused(desk: Desk, text: Any) -> None:
    task = newest(desk, desk.deliver(act("comment", data=payload(text))))
    assert (refused(task), task["comments"]) == ("DATA_INVALID", None)


def test_comments_are_bounded(desk: Desk) -> None:
    for number in range(30):
        task = newest(desk, desk.deliver(act("comment", f"p{number}", data=payload("seen"))))
    assert len(task["comments"].value()) == 30 and refused(task) is None
    assert refused(newest(desk, desk.deliver(act("comment", data=payload("seen"))))) == "DATA_INVALID"


def test_answer_counts_when_it_can_be_taken_back_no_more(desk: Desk) -> None:
    effects = desk.deliver(action(until_ms=LATER_MS))
    task, row = newest(desk, effects), effects.changes[KEY]
    assert desk.decoded(effects, STEP_RESULT) == []
    assert (task["status"], task["outcome"], task["settles_at_ms"]) == ("answered", "approve", LATER_MS)
    assert row is not None and row.due_ms == LATER_MS
    second = newest(desk, desk.deliver(action("a2", actor="bo", at_ms=AT_MS + 1)))
    assert (refused(second), second["status"]) == ("TASK_CLOSED", "answered")
    due = desk.processor.on_due(KEY, desk.table.rows[KEY], LATER_MS)
    assert due == desk.processor.on_due(KEY, desk.table.rows[KEY], LATER_MS + 1)  # the same bytes after a crash
    (result,) = desk.decoded(desk.table.apply(due), STEP_RESULT)
    assert result["output"].value()["completedAt"] == "2026-09-21T14:13:25.000Z"
    assert newest(desk, due)["status"] == "completed"


def test_answer_is_taken_back_by_who_gave_it_and_given_anew(desk: Desk) -> None:
    desk.deliver(action(until_ms=LATER_MS))
    assert refused(newest(desk, desk.deliver(act("undo", "bo")))) == "TASK_CLAIMED"
    effects = desk.deliver(act("undo"))
    task = newest(desk, effects)
    assert (task["status"], task["outcome"], task["data"], task["completed_by"]) == ("open", None, None, None)
    assert desk.table.rows[KEY].due_ms == 0
    effects = desk.deliver(action("a3", "decline", expected_version=task["version"]))
    assert [each["output"].value()["outcome"] for each in desk.decoded(effects, STEP_RESULT)] == ["decline"]
    assert refused(newest(desk, desk.deliver(action("u2", action="undo")))) == "TASK_CLOSED"


def test_answer_that_counts_is_not_taken_back(desk: Desk) -> None:
    desk.deliver(action())
    effects = desk.deliver(act("undo"))
    assert refused(newest(desk, effects)) == "TASK_CLOSED" and newest(desk, effects)["status"] == "completed"


def test_unwanted_step_withdraws_an_answered_task(desk: Desk) -> None:
    desk.deliver(action(until_ms=LATER_MS))
    desk.deliver(message(CANCEL_STEP, {**STEP, "reason": "instance cancelled"}))
    effects = desk.processor.on_due(KEY, desk.table.rows[KEY], LATER_MS + 8 * 86_400_000)
    assert desk.decoded(effects, STEP_RESULT) == [] and effects.changes == {KEY: None}


def test_redelivered_actions_have_no_effect_whatever_came_after_them(desk: Desk) -> None:
    batch = (act("claim"), act("release"), act("claim", "bo"), action("a2", actor="bo"))
    desk.deliver(*batch)
    again = desk.deliver(command(), *batch)
    assert (again.outputs, again.changes) == ([], {})


def test_actions_that_overtook_their_task_all_count() -> None:
    desk = Desk()
    batch = (act("claim"), act("claim"), action("a2", actor="bo"), action("a3", expected_version=None))
    assert desk.deliver(*batch).outputs == []
    effects = desk.deliver(command())
    task = newest(desk, effects)
    assert len(desk.decoded(effects, STEP_RESULT)) == 1
    assert (task["completed_by"], refused(task), len(task["acts"])) == ("kim", "TASK_CLAIMED", 2)


def test_early_answer_kept_by_an_earlier_version_counts() -> None:
    import msgspec

    desk = Desk()
    (key,) = desk.deliver(action()).changes
    row = desk.table.rows[key]
    (kept,) = msgspec.msgpack.decode(row.value)
    desk.table.rows[key] = msgspec.structs.replace(row, value=msgspec.msgpack.encode(kept))
    assert newest(desk, desk.deliver(command()))["status"] == "completed"
