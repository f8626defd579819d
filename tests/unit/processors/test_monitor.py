"""Models under watch: blind audits, truth that comes early, late, twice or contradicting, and the alarm."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from prometheus_client import REGISTRY

from models.serving.registry import Registry
from models.serving.shelf import Pin, Rival, read_pin
from models.watching.drift import BLOCK
from schemas.catalogue import current
from schemas.codec import Codec
from schemas.messages import DECISION, HUMAN_TASK, LABEL, MODEL_DRIFT, MODEL_STATE, MODEL_WATCH, STEP_COMMAND, TRUTH
from schemas.samples import sample
from streams.processors import human, monitor
from streams.processors.decide import STATES
from streams.processors.decide.audits import drawn
from streams.processors.decide.decision import carry_out
from streams.processors.decide.states import ModelBook
from streams.processors.human.rules import AUDIT, opened
from streams.processors.monitor.gauges import Gauges
from streams.processors.monitor.processor import LOOK_MS, Monitor
from streams.processors.monitor.watching import Watch
from streams.runtime.processor import Effects, Message, Record
from tests.support.contexts import context
from tests.support.data import payload
from tests.support.desk import Desk, action, message
from tests.support.model_folders import models_folder
from tests.support.tables import Table

CODEC = Codec.offline()
APPLICATION = dict(Registry().get("credit-risk").card.reference.values)
NOW_MS = 1_790_000_000_000


class Watched:
    """The processor on two tables: that of the decisions' partition, and that of the labels'."""

    def __init__(self, folder: Path, audit: int = 100) -> None:
        self.registry = Registry(models_folder(folder, "risk"))
        self.pin = Pin("risk", "1", self.registry.get("risk").band.files_sha256, audit=audit)
        self.book = ModelBook([folder])
        self.cases, self.labels = Table(), Table()
        self.processor = Monitor(context(CODEC, models=self.book))

    def decision(self, number: int, pin: Pin | None = None, **values: Any) -> dict[str, Any]:
        command = {
            "instance_id": f"{number:032x}", "pointer": "/do/0/assess", "iteration": 0, "attempt": 0,
            "function": "decide", "arguments": payload({"model": "risk", "input": {**APPLICATION, **values}}),
            "deadline_ms": None, "workflow": "w", "version": "1", "digest": "d" * 64, "effect": None,
            "pin": (pin or self.pin).text, "business_key": f"A-{number}",
        }  # fmt: skip
        made = carry_out(command, self.registry, NOW_MS).decision
        assert made is not None
        return CODEC.decode(CODEC.encode(DECISION, made))[1]

    def case(self, name: str, *data: dict[str, Any]) -> Effects:
        messages = [Message(Record("t", 1, 0, NOW_MS, b"k", b"v"), name, each) for each in data]
        return self.cases.apply(self.processor.handle(messages, self.cases))

    def counted(self, *effects: Effects) -> Effects:
        """What is made of the labels that came out."""
        outputs = [each for one in effects for each in one.outputs if each.topic == monitor.LABELS]
        said = [CODEC.decode(each.value or b"") for each in outputs]
        messages = [Message(Record("t", 0, 0, NOW_MS, b"k", b"v"), name, data) for name, data in said]
        return self.labels.apply(self.processor.handle(messages, self.labels))

    def due(self, now_ms: int) -> list[Pin]:
        """What is newly in force after the rows of labels whose time has come."""
        changes = []
        for key, row in list(self.labels.rows.items()):
            if 0 < row.due_ms <= now_ms and key[:2] in (b"w/", b"v/"):
                effects = self.labels.apply(self.processor.on_due(key, row, now_ms))
                for each in effects.outputs:
                    assert each.topic == STATES
                    self.book.learn(CODEC.decode(each.value or b"")[1])
                    changes.append(self.book.active["risk"])
        return changes


def said(effects: Effects, name: str) -> list[dict[str, Any]]:
    values = [CODEC.decode(each.value) for each in effects.outputs if each.value is not None]
    return [data for found, data in values if found == name]


def truth(decision: dict[str, Any], label: str, truth_id: str = "t1") -> dict[str, Any]:
    found = {"truth_id": truth_id, "decision_id": decision["decision_id"], "label": label, "source": "import"}
    return {**found, "actor": "ada", "at_ms": NOW_MS + 5}


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def test_pin_carries_the_rate() -> None:
    for pin in (Pin("risk", "1", audit=5), Pin("risk", "1", "a" * 64, "suspended", Rival("2", share=3), 7)):
        assert read_pin(pin.text) == pin
    with pytest.raises(ValueError):
        read_pin("risk@1+101")


def test_decisions_are_drawn_at_the_rate_and_alike_every_time(tmp_path: Path) -> None:
    watched = Watched(tmp_path, audit=10)
    audits = [watched.decision(number * 2**64)["audit"] for number in range(400)]
    assert {each["share"] for each in audits} == {0.1}
    assert 20 <= sum(each["drawn"] for each in audits) <= 65
    assert all(each["routes"] == (["approve"] if each["drawn"] else []) for each in audits)
    assert audits[7] == watched.decision(7 * 2**64)["audit"]
    assert [drawn(str(number), 0.0) for number in range(50)] == [False] * 50


def test_case_that_went_to_people_is_no_audit(watched: Watched) -> None:
    decision = watched.decision(1, watched.pin._replace(state="suspended"))
    assert decision["route"] == "review"
    assert (decision["audit"]["share"], decision["audit"]["drawn"]) == (1.0, False)
    assert decision["audit"]["routes"] == ["approve"]  # by which the answer of a person is known to be about it
    assert said(watched.case(DECISION, decision), STEP_COMMAND) == []


def test_blind_task_shows_what_the_model_read_and_nothing_of_what_it_said(watched: Watched) -> None:
    decision = watched.decision(1)
    effects = watched.case(DECISION, decision)
    (command,) = said(effects, STEP_COMMAND)
    assert effects.outputs[0].topic == human.DECLARATION.commands
    task = opened({**command, "pin": AUDIT}, NOW_MS).fields
    assert (task["task_id"], task["audit"], task["team"]) == (decision["decision_id"], True, "audit")
    assert task["outcomes"] == ["approve", "not-approve"]
    assert task["input"].value() == decision["input"].value()
    shown = orjson.dumps({name: str(value) for name, value in task.items()})
    assert str(decision["score"]).encode() not in shown
    assert watched.case(DECISION, decision) == Effects([], {})  # a copy asks nobody again


def test_answer_to_a_blind_task_is_no_result_of_a_step() -> None:
    desk = Desk()
    asked = message(STEP_COMMAND, {**_desk_command(), "pin": AUDIT})
    desk.deliver(asked)
    effects = desk.deliver(action(outcome="approve"))
    (task,) = desk.decoded(effects, HUMAN_TASK)
    assert (task["status"], task["audit"]) == ("completed", True)
    assert len(effects.outputs) == 1


def _desk_command() -> dict[str, Any]:
    from tests.support.desk import command

    return dict(command(form={}).data)


def test_answer_becomes_a_label_that_counts_once(watched: Watched) -> None:
    decision = watched.decision(1)
    watched.case(DECISION, decision)
    task = {
        "task_id": decision["decision_id"], "instance_id": decision["instance_id"], "status": "completed",
        "audit": True, "outcome": "not-approve", "completed_by": "kim", "updated_at_ms": NOW_MS + 9,
        "outcomes": ["approve", "not-approve"],
    }  # fmt: skip
    effects = watched.case(HUMAN_TASK, task)
    (label,) = said(effects, LABEL)
    assert (label["label"], label["source"], label["inclusion_probability"]) == ("not-approve", "audit", 1.0)
    (watch,) = said(watched.counted(effects), MODEL_WATCH)
    assert (watch["audits"], watch["wrong"], watch["route"], watch["target"]) == (1, 1, "approve", label["target"])
    assert said(watched.case(HUMAN_TASK, task), LABEL) == []
    assert said(watched.counted(effects), MODEL_WATCH) == []  # the same label once more, as after a crash


def test_certificate_that_allows_nearly_everything_is_not_watched(watched: Watched) -> None:
    label = CODEC.decode(CODEC.encode(LABEL, sample(current()[LABEL])))[1]
    label |= {"model": "risk", "route": "approve", "label": "reject", "first": True, "drawn": True, "target": 0.995}
    effects = watched.processor.handle([Message(Record("t", 0, 0, NOW_MS, b"k", b"v"), LABEL, label)], Table())
    assert said(effects, MODEL_WATCH) == []


def test_truth_may_come_before_its_decision(watched: Watched) -> None:
    decision = watched.decision(1)
    assert watched.case(TRUTH, truth(decision, "approve")).outputs == []
    (label,) = said(watched.case(DECISION, decision), LABEL)
    assert (label["label"], label["first"]) == ("approve", True)
    assert said(watched.case(TRUTH, truth(decision, "approve")), LABEL) == []


def test_late_and_contradicting_truth_is_kept_and_counts_for_nothing(watched: Watched) -> None:
    decision = watched.decision(1)
    watched.case(DECISION, decision)
    first = watched.case(TRUTH, truth(decision, "approve"))
    second = watched.case(TRUTH, truth(decision, "not-approve", "t2"))
    (label,) = said(second, LABEL)
    assert (label["first"], label["contradicts"]) == (False, True)
    watch = said(watched.counted(first, second), MODEL_WATCH)[-1]
    assert (watch["labels"], watch["audits"], watch["wrong"], watch["contradictions"]) == (2, 1, 0, 1)


def test_decision_that_was_not_drawn_counts_for_nothing(tmp_path: Path) -> None:
    watched = Watched(tmp_path, audit=0)
    decision = watched.decision(1)
    watched.case(DECISION, decision)
    effects = watched.case(TRUTH, truth(decision, "not-approve"))
    (watch,) = said(watched.counted(effects), MODEL_WATCH)
    assert (watch["labels"], watch["audits"], watch["evidence"]) == (1, 0, 0)


@pytest.mark.parametrize("answer_first", [False, True])
def test_what_a_person_answered_where_the_case_went_to_people_is_a_label(watched: Watched, answer_first: bool) -> None:
    decision = watched.decision(1, watched.pin._replace(state="suspended"))
    task = {
        "task_id": "x", "instance_id": decision["instance_id"], "status": "completed", "audit": False,
        "outcome": "reject", "completed_by": "kim", "updated_at_ms": NOW_MS, "outcomes": ["approve", "reject"],
    }  # fmt: skip
    order = [(HUMAN_TASK, task), (DECISION, decision)] if answer_first else [(DECISION, decision), (HUMAN_TASK, task)]
    effects = [watched.case(*each) for each in order]
    labels = [label for each in effects for label in said(each, LABEL)]
    assert [(label["source"], label["label"], label["target"] is None) for label in labels] == [
        ("correction", "reject", False)
    ]
    assert said(watched.counted(*effects), MODEL_WATCH) == []  # it is no automatic decision


def test_answer_about_something_else_is_no_label(watched: Watched) -> None:
    decision = watched.decision(1, watched.pin._replace(state="suspended"))
    watched.case(DECISION, decision)
    task = {
        "task_id": "x", "instance_id": decision["instance_id"], "status": "completed", "audit": False,
        "outcome": "sent", "completed_by": "kim", "updated_at_ms": NOW_MS, "outcomes": ["sent", "lost"],
    }  # fmt: skip
    assert said(watched.case(HUMAN_TASK, task), LABEL) == []


def alarmed(watched: Watched) -> None:
    """So many wrong decisions that it alarms."""
    for number in range(60):
        decision = watched.decision(number)
        watched.counted(watched.case(DECISION, decision), watched.case(TRUTH, truth(decision, "not-approve")))


def test_alarm_suspends_what_is_in_force_and_says_why(watched: Watched) -> None:
    alarmed(watched)
    (pin,) = watched.due(NOW_MS + 1)
    assert (pin.version, pin.state, pin.audit, pin.sha256) == ("1", "suspended", 0, watched.pin.sha256)
    change = watched.book.history("risk")[-1]
    assert change.by == "exlify monitor" and "audited decisions for approve were wrong" in change.why
    assert watched.due(NOW_MS + LOOK_MS + 1) == []


def test_alarm_outlasts_a_change_by_hand_until_there_is_another_certificate(watched: Watched) -> None:
    alarmed(watched)
    watched.due(NOW_MS + 1)
    _publish(watched, watched.pin, NOW_MS + 10_000)  # somebody activates the same files
    (pin,) = watched.due(NOW_MS + 100_000)
    assert pin.state == "suspended"
    _publish(watched, watched.pin._replace(sha256="c" * 64), NOW_MS + 200_000)  # certified anew
    assert watched.due(NOW_MS + 900_000) == []
    assert watched.book.active["risk"].state == "active"


def test_alarm_of_a_challenger_takes_its_share_away(watched: Watched) -> None:
    rival = Rival("1", watched.pin.sha256, share=20)
    _publish(watched, Pin("risk", "9", "e" * 64, rival=rival, audit=3), NOW_MS - 50_000)
    alarmed(watched)
    (pin,) = watched.due(NOW_MS + 1)
    assert (pin.version, pin.state, pin.rival) == ("9", "active", rival._replace(share=0))


def test_cases_that_move_are_looked_at_more_often(tmp_path: Path) -> None:
    watched = Watched(tmp_path, audit=2)
    _publish(watched, watched.pin, NOW_MS - 50_000)
    effects = []
    for block, amount in enumerate((1_000, 1_000, 9_000)):
        decision = watched.decision(1, amount_dm=amount)
        parts = [decision | {"decision_id": f"{n:032x}/do/0/a/0/0"} for n in range(block * BLOCK, (block + 1) * BLOCK)]
        effects.append(watched.case(DECISION, *parts))
    assert [len(said(each, MODEL_DRIFT)) for each in effects] == [0, 0, 1]
    (moved,) = said(effects[2], MODEL_DRIFT)
    assert "amount_dm" in moved["moved"]
    watched.counted(effects[2])
    (pin,) = watched.due(NOW_MS + 1)
    assert (pin.state, pin.audit) == ("active", 5)
    assert watched.due(NOW_MS + 60_000) == []


def test_gauges_tell_of_no_version_that_was_replaced(watched: Watched) -> None:
    alarmed(watched)
    place = {"model": "risk", "version": "1", "route": "approve"}
    gauges = Gauges(watched.book)
    counted = Watch("risk", "1", "f", "approve", 0.15, audits=60, wrong=60)
    gauges.show(counted)
    gauges.show_moved("risk", "1", 2)
    gauges.tidy()
    assert REGISTRY.get_sample_value("exlify_model_error_ratio", place) == 1.0
    assert REGISTRY.get_sample_value("exlify_model_drifted_fields", {"model": "risk", "version": "1"}) == 2
    _publish(watched, Pin("risk", "2", "e" * 64, audit=3), NOW_MS)
    gauges.tidy()
    gauges.show(counted)  # a label that comes late
    gauges.show_moved("risk", "1", 2)
    for name in ("exlify_model_error_ratio", "exlify_model_error_target_ratio", "exlify_model_error_evidence"):
        assert REGISTRY.get_sample_value(name, place) is None
    assert REGISTRY.get_sample_value("exlify_model_drifted_fields", {"model": "risk", "version": "1"}) is None
    gauges.show(msgspec.structs.replace(counted, model_version="2"))
    assert REGISTRY.get_sample_value("exlify_model_error_ratio", {**place, "version": "2"}) == 1.0


def _publish(watched: Watched, pin: Pin, at_ms: int) -> None:
    from streams.processors.decide.states import changed

    watched.book.learn(CODEC.decode(changed(CODEC, watched.book, pin, by="ada", why="", now_ms=at_ms)[1])[1])


def test_record_that_tells_nothing_is_parked(watched: Watched) -> None:
    effects = watched.case(MODEL_STATE, {"name": "x"})
    assert len(effects.outputs) == 1 and effects.changes == {}


async def test_it_opens_and_closes_with_its_book(watched: Watched) -> None:
    await watched.processor.open()
    await asyncio.sleep(0)
    await watched.processor.close()
