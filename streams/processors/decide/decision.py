"""One decision: a command in, the fields of its result and of its record out. Knows nothing of Kafka.

The record holds all that is needed to recompute it, and only those fields of the input that the model reads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson

from models.serving.card import REVIEW
from models.serving.errors import FeatureError, UnknownModelError
from models.serving.explain import Reasons
from models.serving.predict import Model, Verdict
from models.serving.registry import Registry
from schemas.payload import Door, Payload
from schemas.reasons import Reason
from schemas.steps import completed, faulted, id_of, problem
from streams.processors.decide.asked import RULES, Asked, BadArgumentsError, NoTableError, asked_of
from streams.processors.decide.audits import audit_of
from streams.processors.decide.chain import Answer, Beside, answered, rule_of, told
from streams.processors.decide.pins import read_pinned
from streams.processors.decide.shown import NO_SCORE

VERSION_LENGTH = 12  # of a table: the beginning of its hash
MAX_REASONS = 4  # of a result; the decision's own record has them all


class Carried(NamedTuple):
    """What came of a command."""

    result: dict[str, Any]  # fields of the StepResult
    decision: dict[str, Any] | None  # fields of the Decision; None if none could be made


class Answered(NamedTuple):
    """A command that was understood, and what came of asking; the rest is telling."""

    command: Mapping[str, Any]
    asked: Asked
    answer: Answer


def carry_out(command: Mapping[str, Any], registry: Registry, at_ms: int) -> Carried:
    """Makes the decision that a StepCommand asks for, as of `at_ms` (epoch).

    Raises OutOfUseError while the model that the command is pinned to cannot be used, UnreadablePayloadError where its
    arguments are no JSON, and nothing else but what is a bug.
    """
    return carried(ask(command, registry), registry, at_ms)


def ask(command: Mapping[str, Any], registry: Registry) -> Answered | Carried:
    """The first half of `carry_out`: all that models and tables are asked; how the step fails, where they cannot be.

    Raises as `carry_out`.
    """
    try:
        pinned = read_pinned(command.get("pin"))
        asked = asked_of(command, command["function"], pinned.tables)
        case = command.get("business_key") or command["instance_id"]
        return Answered(command, asked, answered(asked, pinned.models, registry, case))
    except BadArgumentsError as error:
        return failed(command, Reason.INPUT_INVALID, f"with.{error}")
    except FeatureError as error:
        return failed(command, Reason.INPUT_INVALID, f"with.input.{error}")
    except NoTableError as error:
        return failed(command, Reason.MISCONFIGURED, f"with.{error}")
    except UnknownModelError as error:
        return failed(command, Reason.MISCONFIGURED, f"with.model: {error}")


def work_out(found: Iterable[Answered | Carried]) -> None:
    """Works out the reasons of many answers at once, where that is cheaper; each is told alike without."""
    verdicts = (each.answer.verdict for each in found if isinstance(each, Answered))
    Reasons.work_out(each.reasons for each in verdicts if each is not None and each.reasons is not None)


def carried(found: Answered | Carried, registry: Registry, at_ms: int) -> Carried:
    """The second half: the fields of result and record. What has failed is told as it is."""
    if isinstance(found, Carried):
        return found
    command, asked, answer = found
    read, own = _of_model(command, asked, answer) if answer.verdict else _of_rules(command, asked, answer)
    read["rule"], read["passed"] = rule_of(answer), told(answer.passed)
    output = Payload.from_outside(read, Door.RESULT)
    own["audit"] = audit_of(command, answer, registry)
    own |= _common(command, asked, answer, at_ms, read["decisionId"])
    return Carried(completed(command, output), own)


def _common(command: Mapping[str, Any], asked: Asked, answer: Answer, at_ms: int, decision_id: str) -> dict[str, Any]:
    """What every record has, whoever decided."""
    fields = answer.model.encoder.declared(asked.values) if answer.model else {}
    for table in (asked.before, asked.after if answer.passed else None):
        if table is not None:
            fields |= table.read(asked.values)
    seen = orjson.dumps(fields)
    rule = answer.ruled.row if answer.ruled else None
    return {
        "instance_id": command["instance_id"],
        "pointer": command["pointer"],
        "workflow": command["workflow"],
        "version": command["version"],
        "digest": command["digest"],
        "decision_id": decision_id,
        "input": Payload.inside(seen),
        "input_hash": hashlib.sha256(seen).hexdigest(),
        "at_ms": at_ms,
        "tables": orjson.dumps(asked.tables).decode() if asked.tables else None,
        "rule": rule.number if rule else None,
        "passed": told(answer.passed),
        "beside": _beside(answer.beside) if answer.beside else None,
    }


def _beside(beside: Beside) -> dict[str, Any]:
    return {
        "model_version": beside.model.card.version,
        "covers": beside.model.band.covers,
        "score": NO_SCORE if beside.verdict.score is None else beside.verdict.score,
        "route": beside.verdict.route,
        "challenger": beside.challenger,
    }


def _of_rules(command: Mapping[str, Any], asked: Asked, answer: Answer) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of a table, or of nobody: then a person decides. Output, and fields of the record."""
    assert answer.ruled is not None
    row, held = answer.ruled.row, [each.as_map() for each in answer.ruled.held]
    route, sha256 = row.route if row else REVIEW, answer.table.sha256 if answer.table else ""
    name = RULES if answer.table else asked.models[0]
    reasons = [{"group": row.called, "contribution": 0.0, "text_id": f"rules.{row.number}"}] if row else []
    common = {"route": route, "outside": [], "held": held}
    output = {
        **common,
        "score": None,
        "model": name,
        "version": sha256[:VERSION_LENGTH],
        "decisionId": id_of(command),
        "reasons": [{**reason, "text": row.because or row.called} for reason in reasons if row],
    }
    record: dict[str, Any] = {
        **common,
        "score": NO_SCORE,
        "model": name,
        "model_version": sha256[:VERSION_LENGTH],
        "model_sha256": sha256,
        "reasons": reasons,
        "reference": None,
        "thresholds": {},
        "certificate": None,
        "covers": None,
        "certificate_sha256": None,
    }
    return output, record


def _of_model(command: Mapping[str, Any], asked: Asked, answer: Answer) -> tuple[dict[str, Any], dict[str, Any]]:
    """Output, and fields of the record."""
    assert answer.model is not None and answer.verdict is not None
    model, fields = answer.model, verdict_fields(answer.model, answer.verdict)
    return _output(command, asked, model, answer.verdict, fields), {
        "model": model.card.name,
        "model_version": model.card.version,
        "model_sha256": model.card.model.sha256,
        **fields,
        "thresholds": {"approve_below": model.band.approve_below},
        "certificate": model.band.certificate.id if model.band.certificate else None,
        "covers": model.band.covers,
        "certificate_sha256": model.band.certificate_sha256 or None,
    }


def _output(
    command: Mapping[str, Any], asked: Asked, model: Model, verdict: Verdict, fields: Mapping[str, Any]
) -> dict[str, Any]:
    """What the workflow sees; the reasons are those that speak for the route, strongest first. For who has to look at
    the case they say what its values are, and what is usual."""
    side, labels = _side(model, verdict), model.labels
    tell = model.telling.text if verdict.route == REVIEW else None
    speaking: list[dict[str, Any]] = []
    for each, reason in zip(verdict.contributions, fields["reasons"], strict=False):  # those of nothing come last
        if side is None or each.amount * side > 0:
            text = tell(each.field, asked.values, each.amount) if tell else labels[each.field]
            speaking.append({**reason, "text": text})
            if len(speaking) == MAX_REASONS:
                break
    return {
        "route": verdict.route,
        "score": verdict.score,
        "model": model.card.name,
        "version": model.card.version,
        "decisionId": id_of(command),
        "reasons": speaking,
        "outside": fields["outside"],
        "held": fields["held"],
    }


def _side(model: Model, verdict: Verdict) -> int | None:
    """The sign of what speaks for the route: of a bad outcome, against it or for it; of a label, for it.

    None where the reasons of a number count, whatever their sign.
    """
    if model.head.kind == "regression":
        return None
    return -1 if model.head.kind == "binary" and verdict.route != REVIEW else 1


def verdict_fields(model: Model, verdict: Verdict) -> dict[str, Any]:
    """The fields of a Decision that follow from model, band and input."""
    texts, reasons = model.text_ids, []
    for each in verdict.contributions:
        if not each.amount:  # the largest come first
            break
        field = each.field
        reasons.append({"group": field, "contribution": each.told, "text_id": texts[field]})
    return {
        "route": verdict.route,
        "score": NO_SCORE if verdict.score is None else verdict.score,
        "reasons": reasons,
        "reference": model.card.reference.name if verdict.contributions else None,
        "outside": [*verdict.outside] if verdict.held else [],
        "held": [each.as_map() for each in verdict.held],
    }


def failed(command: Mapping[str, Any], reason: Reason, detail: str) -> Carried:
    """What comes of a command for which no decision can be made."""
    return Carried(faulted(command, problem(reason, detail, command["pointer"])), None)
