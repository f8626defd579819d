"""Decide: a command in, a result and a decision record out, the same bytes every time."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from models.serving.registry import Registry
from schemas.codec import Codec
from schemas.messages import CANCEL_STEP, DEAD_LETTER, DECISION, STEP_COMMAND, STEP_RESULT, TIMER_FIRED
from schemas.problems import CONFIGURATION, VALIDATION
from streams.processors import decide
from streams.processors.decide.decision import carry_out
from streams.processors.decide.processor import Decide
from streams.processors.orchestrate import INBOX
from streams.runtime.parking import PARKING
from streams.runtime.processor import FastProcessor, Message, Output, Record, Row
from tests.support.contexts import context
from tests.support.data import payload

INSTANCE = "0123456789abcdef" * 2
REGISTRY = Registry()
CODEC = Codec.offline()
APPLICATION = dict(REGISTRY.get("credit-risk").card.reference.values)
RISKY = {**APPLICATION, "checking_account": "A11", "duration_months": 48, "amount_dm": 9_000}
AT_MS = 1_700_000_000_000


class NoRows:
    """The state of a processor without a table."""

    def get(self, key: bytes) -> Row | None:
        return None


def command(arguments: Any, attempt: int = 0) -> dict[str, Any]:
    return {
        "instance_id": INSTANCE, "pointer": "/do/0/risk", "iteration": 0, "attempt": attempt,
        "function": "decide",
        "arguments": payload(arguments), "deadline_ms": None, "workflow": "onboarding", "version": "1.0.0",
        "digest": "d" * 64, "effect": None, "business_key": "A-1",
    }  # fmt: skip


def asked(**values: Any) -> dict[str, Any]:
    return command({"model": "credit-risk", "input": {**APPLICATION, **values}})


def message(name: str, data: dict[str, Any]) -> Message:
    return Message(
        Record(decide.DECLARATION.commands.name, 3, 17, AT_MS, INSTANCE.encode(), CODEC.encode(name, data)), name, data
    )


def handled(*messages: Message) -> list[Output]:
    effects = Decide(context(CODEC), REGISTRY).handle(messages, NoRows())
    assert not effects.changes
    return effects.outputs


def decoded(output: Output) -> tuple[str, dict[str, Any]]:
    assert output.value is not None
    return CODEC.decode(output.value)


def test_decide_is_a_processor_of_the_runtime() -> None:
    assert isinstance(Decide(context(CODEC), REGISTRY), FastProcessor)


def test_command_gives_a_result_and_a_decision() -> None:
    outputs = handled(message(STEP_COMMAND, asked()))
    assert [(o.topic, o.key, decoded(o)[0]) for o in outputs] == [
        (INBOX, INSTANCE.encode(), STEP_RESULT),
        (decide.DECISIONS, INSTANCE.encode(), DECISION),
    ]


def test_result_tells_route_score_and_decision() -> None:
    result = carry_out(asked(), REGISTRY, AT_MS).result
    output = result["output"].value()
    assert (result["status"], result["pointer"], result["error"]) == ("completed", "/do/0/risk", None)
    assert output["route"] == "approve"
    assert output["score"] == REGISTRY.get("credit-risk").predict(APPLICATION)
    assert (output["model"], output["version"]) == ("credit-risk", "2")
    assert output["decisionId"] == f"{INSTANCE}/do/0/risk/0/0"


def test_reasons_speak_for_the_route() -> None:
    risky = carry_out(command({"model": "credit-risk", "input": RISKY}), REGISTRY, AT_MS)
    output = risky.result["output"].value()
    assert output["route"] == "review"
    assert [reason["group"] for reason in output["reasons"]] == ["checking_account", "duration_months", "amount_dm"]
    assert all(reason["contribution"] > 0 for reason in output["reasons"])
    assert [reason["text"] for reason in output["reasons"]] == [
        "state of the checking account: overdrawn (typical approved application: none), raises the score",
        "duration of the credit: 48 (typical approved application: 15), raises the score",
        "amount of the credit: 9,000 (typical approved application: 2,284), raises the score",
    ]


def test_reasons_of_what_goes_alone_are_told_by_field_only() -> None:
    output = carry_out(asked(duration_months=6), REGISTRY, AT_MS).result["output"].value()
    assert output["route"] == "approve"
    assert [reason["text"] for reason in output["reasons"]] == ["duration of the credit"]


def test_reasons_on_record_add_up() -> None:
    decision = carry_out(command({"model": "credit-risk", "input": RISKY}), REGISTRY, AT_MS).decision
    assert decision is not None
    reference = REGISTRY.get("credit-risk").card.reference
    total = sum(reason["contribution"] for reason in decision["reasons"])
    assert total == pytest.approx(decision["score"] - reference.score, abs=2e-5)
    assert decision["reference"] == reference.name


def test_record_holds_only_what_the_model_read() -> None:
    decision = carry_out(asked(applicant={"given_name": "Ada"}), REGISTRY, AT_MS).decision
    assert decision is not None
    assert decision["input"].value() == APPLICATION
    assert decision["input_hash"] == hashlib.sha256(decision["input"].raw).hexdigest()


def test_record_is_enough_to_decide_again() -> None:
    decision = carry_out(asked(amount_dm=3_000), REGISTRY, AT_MS).decision
    assert decision is not None
    again = REGISTRY.get(decision["model"])
    assert again.card.model.sha256 == decision["model_sha256"]
    assert again.predict(decision["input"].value()) == decision["score"]
    assert decision["route"] == ("approve" if decision["score"] < decision["thresholds"]["approve_below"] else "review")


def test_same_command_gives_the_same_bytes() -> None:
    first, again = handled(message(STEP_COMMAND, asked())), handled(message(STEP_COMMAND, asked()))
    assert first == again


def test_time_of_decision_is_the_record_time() -> None:
    _, decision = handled(message(STEP_COMMAND, asked()))
    assert decoded(decision)[1]["at_ms"] == AT_MS


def test_another_attempt_is_another_decision() -> None:
    arguments = {"model": "credit-risk", "input": APPLICATION}
    ids = {carry_out(command(arguments, n), REGISTRY, AT_MS).decision["decision_id"] for n in (0, 1)}  # type: ignore[index]
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("arguments", "kind", "detail"),
    [
        ({"model": "crystal-ball", "input": {}}, CONFIGURATION, "with.model: There is no such model. Name one of"),
        ({"input": APPLICATION}, VALIDATION, "with.model: missing"),
        ([], VALIDATION, "with.model: missing"),
        ({"model": "credit-risk"}, VALIDATION, "with.input: missing, or not an object"),
    ],
)
def test_bad_question_faults_the_step(arguments: Any, kind: str, detail: str) -> None:
    (output,) = handled(message(STEP_COMMAND, command(arguments)))
    name, letter = decoded(output)
    assert (output.topic, name) == (decide.DECLARATION.dead_letters, DEAD_LETTER)
    assert (letter["error"]["type"], letter["error"]["effect"]) == (kind, "none")
    assert letter["error"]["detail"].startswith(detail)
    assert letter["error"]["instance"] == "/do/0/risk"


def test_bad_question_does_not_hold_up_others() -> None:
    outputs = handled(message(STEP_COMMAND, command({})), message(STEP_COMMAND, asked()))
    assert [o.topic for o in outputs] == [decide.DECLARATION.dead_letters, INBOX, decide.DECISIONS]


def test_cancelled_step_is_passed_over() -> None:
    step = {"instance_id": INSTANCE, "pointer": "/do/0/risk", "iteration": 0, "attempt": 0}
    assert handled(message(CANCEL_STEP, {**step, "reason": "task timed out"})) == []


def test_message_that_is_no_command_is_parked() -> None:
    (output,) = handled(message(TIMER_FIRED, {"instance_id": INSTANCE, "due_ms": 1}))
    assert output.topic == PARKING


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({**APPLICATION, "savings": "A99"}, ["UNKNOWN"]),
        ({**APPLICATION, "amount_dm": -5}, ["OUTSIDE"]),
        ({**APPLICATION, "duration_months": 4, "amount_dm": 18_424}, ["UNLIKE"]),
        ({name: value for name, value in APPLICATION.items() if name != "savings"}, ["MISSING"]),
        ({}, ["MISSING"] * len(APPLICATION)),
    ],
)
def test_what_holds_a_case_back_reaches_workflow_and_record(values: dict[str, Any], why: list[str]) -> None:
    result, decision = handled(message(STEP_COMMAND, command({"model": "credit-risk", "input": values})))
    output, record = decoded(result)[1]["output"].value(), decoded(decision)[1]
    assert (output["route"], [held["why"] for held in output["held"]]) == ("review", why)
    assert (record["held"], record["outside"]) == (output["held"], output["outside"])
    assert record["input"].value() == {name: values[name] for name in APPLICATION if name in values}
    assert record["score"] == (-1.0 if output["score"] is None else output["score"])


def test_record_names_the_files_that_decided() -> None:
    band = REGISTRY.get("credit-risk").band
    decision = carry_out(asked(), REGISTRY, AT_MS).decision
    assert decision is not None and band.certificate is not None
    stated = decision["covers"], decision["certificate_sha256"], decision["certificate"], decision["thresholds"]
    assert stated == (band.covers, band.certificate_sha256, band.certificate.id, {"approve_below": band.approve_below})


def test_command_that_is_pinned_to_other_files_goes_to_people() -> None:
    pinned = {**asked(), "pin": f"credit-risk@2#{'0' * 64}"}
    output = carry_out(pinned, REGISTRY, AT_MS).result["output"].value()
    assert (output["route"], [held["why"] for held in output["held"]]) == ("review", ["CHANGED"])


def test_batch_gives_the_bytes_of_each_command_alone() -> None:
    cases = [asked(amount_dm=700 + 300 * n, purpose=f"A4{n % 4}") for n in range(20)]
    batch = [message(STEP_COMMAND, {**case, "attempt": n}) for n, case in enumerate(cases)]
    assert [output for each in batch for output in handled(each)] == handled(*batch)
