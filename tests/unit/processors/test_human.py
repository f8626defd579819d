"""People as a step: a durable task, one answer that counts, and a reason for every answer that does not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from schemas.catalogue import current
from schemas.messages import CANCEL_STEP, DEAD_LETTER, HUMAN_TASK, STEP_RESULT
from schemas.payload import ATTRIBUTE, Payload
from streams.processors.human import TASKS, rows
from streams.processors.human.fields import FIELDS, Place
from streams.processors.human.processor import EARLY_KEPT_MS, KEPT_MS
from streams.processors.human.task import decode_task, encode_task
from streams.processors.orchestrate import INBOX
from streams.runtime.parking import PARKING
from tests.support.data import payload
from tests.support.desk import FORM, INSTANCE, NOW_MS, STEP, TASK_ID, Desk, action, command, message


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_command_opens_a_task_for_its_team(desk: Desk) -> None:
    (task,) = desk.decoded(desk.deliver(command()), HUMAN_TASK)
    assert (task["task_id"], task["team"], task["status"], task["version"]) == (TASK_ID, "credit", "open", 1)
    assert task["due_ms"] == NOW_MS + 2 * 86_400_000
    assert (task["title"], task["business_key"], task["input"].value()) == ("Review", "A-17", {"score": 0.4})


def test_answer_completes_task_and_step(desk: Desk) -> None:
    desk.deliver(command())
    effects = desk.deliver(action())
    (result,) = desk.decoded(effects, STEP_RESULT)
    (task,) = desk.decoded(effects, HUMAN_TASK)
    assert {name: result[name] for name in STEP} == STEP
    assert result["output"].value() == {
        "outcome": "approve", "data": {"note": "fine"}, "completedBy": "kim", "completedAt": "2026-09-21T14:13:25.000Z",
    }  # fmt: skip
    assert (task["status"], task["version"], task["last_action_id"]) == ("completed", 2, "a1")


def test_result_goes_to_the_inbox_under_its_instance(desk: Desk) -> None:
    desk.deliver(command())
    result = desk.deliver(action()).outputs[0]
    assert (result.topic, result.key) == (INBOX, INSTANCE.encode())


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("STALE_VERSION", {"expected_version": 7}),
        ("UNKNOWN_OUTCOME", {"outcome": "shrug"}),
        ("UNKNOWN_ACTION", {"action": "eat"}),
        ("DATA_INVALID", {"data": payload({"note": "far too long"})}),
        ("DATA_INVALID", {"data": Payload.inside(b"{")}),
    ],
)
def test_unfit_answer_is_refused_with_a_reason(desk: Desk, reason: str, changes: dict[str, Any]) -> None:
    desk.deliver(command())
    effects = desk.deliver(action(**changes))
    (task,) = desk.decoded(effects, HUMAN_TASK)
    assert desk.decoded(effects, STEP_RESULT) == []
    assert (task["status"], task["version"]) == ("open", 1)
    assert [(refusal["action_id"], refusal["reason"]) for refusal in task["refusals"]] == [("a1", reason)]
    assert "far too long" not in task["refusals"][0]["detail"]


def test_second_answer_is_refused_as_closed(desk: Desk) -> None:
    desk.deliver(command())
    effects = desk.deliver(action("a1"), action("a2", "decline", expected_version=None))
    assert len(desk.decoded(effects, STEP_RESULT)) == 1
    newest = desk.decoded(effects, HUMAN_TASK)[-1]
    assert (newest["outcome"], newest["refusals"][0]["reason"]) == ("approve", "TASK_CLOSED")


def test_redelivered_messages_have_no_effect(desk: Desk) -> None:
    desk.deliver(command(), action())
    again = desk.deliver(command(), action())
    assert (again.outputs, again.changes) == ([], {})


def test_same_messages_give_the_same_bytes() -> None:
    batch = (command(), action("bad", "shrug"), action())
    assert Desk().deliver(*batch) == Desk().deliver(*batch)


def test_answer_that_overtook_its_task_counts(desk: Desk) -> None:
    assert desk.deliver(action()).outputs == []
    effects = desk.deliver(command())
    assert len(desk.decoded(effects, STEP_RESULT)) == 1
    assert desk.decoded(effects, HUMAN_TASK)[-1]["status"] == "completed"
    assert list(desk.table.rows) == [TASK_ID.encode()]


def test_answer_to_no_task_is_forgotten_in_time(desk: Desk) -> None:
    (key, row) = next(iter(desk.deliver(action()).changes.items()))
    assert row is not None and row.due_ms == NOW_MS + 5_000 + EARLY_KEPT_MS
    assert desk.table.apply(desk.processor.on_due(key, row, row.due_ms)).outputs == []
    assert desk.table.rows == {}


def test_unwanted_step_closes_its_task(desk: Desk) -> None:
    desk.deliver(command())
    cancel = message(CANCEL_STEP, {**STEP, "reason": "instance cancelled"})
    (task,) = desk.decoded(desk.deliver(cancel), HUMAN_TASK)
    assert (task["status"], task["version"]) == ("cancelled", 2)
    assert desk.decoded(desk.deliver(action()), STEP_RESULT) == []


def test_cancelling_leaves_a_completed_task_alone(desk: Desk) -> None:
    desk.deliver(command(), action())
    assert desk.deliver(message(CANCEL_STEP, {**STEP, "reason": "late"})).outputs == []


def test_closed_task_is_forgotten_after_its_time(desk: Desk) -> None:
    desk.deliver(command(), action())
    key = TASK_ID.encode()
    row = desk.table.rows[key]
    assert row.due_ms == NOW_MS + 5_000 + KEPT_MS
    effects = desk.table.apply(desk.processor.on_due(key, row, row.due_ms))
    assert [(output.topic, output.key, output.value) for output in effects.outputs] == [(TASKS, key, None)]
    assert desk.table.rows == {}


@pytest.mark.parametrize(
    ("named", "arguments"),
    [
        ("team", {"team": ""}),
        ("outcomes", {"outcomes": []}),
        ("form", {"form": {"type": 3}}),
        ("form", {"form": True}),
        ("title", {"title": None}),
        ("form", {"form": {"$ref": "https://example.com/schema"}}),
        ("form", {"form": {"$ref": "#/$defs/missing"}}),
        ("form", {"form": {"pattern": "(?=x)"}}),
        ("due", {"due": "soon"}),
        ("due", {"due": 2**63 - 1}),
        ("title", {"title": "x" * 201}),
        ("colour", {"colour": "red"}),
    ],
)
def test_arguments_that_make_no_task_fault_the_step(desk: Desk, named: str, arguments: dict[str, Any]) -> None:
    effects = desk.deliver(command(**arguments))
    (letter,) = desk.decoded(effects, DEAD_LETTER)
    assert (letter["again"], letter["error"]["instance"]) == ("harmless", STEP["pointer"])
    assert named in letter["error"]["detail"]
    assert effects.changes == {}


def test_form_with_hostile_pattern_answers_at_once(desk: Desk) -> None:
    mail = {"type": "string", "pattern": "^([a-zA-Z0-9]+)+@example.org$"}
    desk.deliver(command(form={"properties": {"mail": mail, "copy": {"$ref": "#/properties/mail"}}}))
    (task,) = desk.decoded(desk.deliver(action(data=payload({"mail": "a" * 60 + "!"}))), HUMAN_TASK)
    assert task["refusals"][0]["reason"] == "DATA_INVALID"
    assert task["refusals"][0]["detail"].startswith("data does not follow the form: /mail breaks the rule pattern")


def test_form_counts_cents_as_they_are_written(desk: Desk) -> None:
    desk.deliver(command(form={"properties": {"amount": {"multipleOf": 0.01}}}))
    (task,) = desk.decoded(desk.deliver(action(data=payload({"amount": 19.99}))), HUMAN_TASK)
    assert task["status"] == "completed"


def test_foreign_message_is_parked(desk: Desk) -> None:
    effects = desk.deliver(message(STEP_RESULT, {}))
    assert [output.topic for output in effects.outputs] == [PARKING]


def test_row_of_an_earlier_version_takes_the_defaults(desk: Desk) -> None:
    desk.deliver(command())
    row = msgspec.msgpack.decode(desk.table.rows[TASK_ID.encode()].value)
    del row["business_key"], row["refusals"]
    task = decode_task(msgspec.msgpack.encode(row))
    assert (task.fields["business_key"], task.refusals, task.form) == (None, [], payload(FORM))


def test_row_of_a_later_version_is_understood(desk: Desk) -> None:
    desk.deliver(command())
    value = desk.table.rows[TASK_ID.encode()].value
    later = msgspec.msgpack.encode(msgspec.msgpack.decode(value) | {"mood": "good"})
    assert encode_task(decode_task(later)) == value


def test_every_field_that_is_shown_is_in_the_record() -> None:
    record = {field["name"]: field for field in current()[HUMAN_TASK]["fields"]}
    columns = {column.name for column in rows.TASKS.columns}
    assert {field.name for field in FIELDS} <= record.keys()
    assert {field.name for field in FIELDS if field.filter} <= columns
    assert [field.name for field in FIELDS if field.argument and field.argument.name != field.shown] == []
    data = {name for name, field in record.items() if field.get(ATTRIBUTE)}
    assert data <= {field.name for field in FIELDS if field.place is Place.DETAIL}
