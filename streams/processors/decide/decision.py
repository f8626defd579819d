"""One decision: a command in, the fields of its result and of its record out. Knows nothing of Kafka.

The record holds all that is needed to recompute it, and only those fields of the input that the model reads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from itertools import islice
from typing import Any, NamedTuple

import orjson

from models.serving.card import REVIEW
from models.serving.errors import FeatureError, UnknownModelError
from models.serving.explain import Contribution
from models.serving.predict import SCORE_DECIMALS, Model, Verdict
from models.serving.registry import Registry
from schemas.payload import Door, Payload
from schemas.reasons import Reason
from schemas.steps import completed, faulted, id_of, problem
from streams.processors.decide.asked import RULES, Asked, BadArgumentsError, asked_of
from streams.processors.decide.audits import audit_of
from streams.processors.decide.chain import Answer, Beside, answered, rule_of, told

NO_SCORE = -1.0  # on record, where the model was not asked or gave no number; `held` says why
VERSION_LENGTH = 12  # of a table: the beginning of its hash
MAX_REASONS = 4  # of a result; the decision's own record has them all


class Carried(NamedTuple):
    """What came of a command."""

    result: dict[str, Any]  # fields of the StepResult
    decision: dict[str, Any] | None  # fields of the Decision; None if none could be made


def carry_out(command: Mapping[str, Any], registry: Registry, at_ms: int) -> Carried:
    """Makes the decision that a StepCommand asks for, as of `at_ms` (epoch). Knows nothing of Kafka.

    Raises OutOfUseError while the model that the command is pinned to cannot be used, UnreadablePayloadError where its
    arguments are no JSON, and nothing else but what is a bug.
    """
    try:
        asked = asked_of(command, command["function"])
        case = command.get("business_key") or command["instance_id"]
        answer = answered(asked, command.get("pin"), registry, case)
    except BadArgumentsError as error:
        return failed(command, Reason.INPUT_INVALID, f"with.{error}")
    except FeatureError as error:
        return failed(command, Reason.INPUT_INVALID, f"with.input.{error}")
    except UnknownModelError as error:
        return failed(command, Reason.MISCONFIGURED, f"with.model: {error}")
    read, own = _of_model(command, asked, answer) if answer.verdict else _of_rules(command, asked, answer)
    output = Payload.from_outside({**read, "rule": rule_of(answer), "passed": told(answer.passed)}, Door.RESULT)
    audit = audit_of(command, answer, registry)
    return Carried(completed(command, output), {**own, **_common(command, asked, answer, at_ms), "audit": audit})


def _common(command: Mapping[str, Any], asked: Asked, answer: Answer, at_ms: int) -> dict[str, Any]:
    """What every record has, whoever decided."""
    fields = answer.model.encoder.declared(asked.values) if answer.model else {}
    for table in filter(None, (asked.before, asked.after if answer.passed else None)):
        fields |= table.read(asked.values)
    seen = Payload.inside(orjson.dumps(fields))
    rule = answer.ruled.row if answer.ruled else None
    return {
        **{name: command[name] for name in ("instance_id", "pointer", "workflow", "version", "digest")},
        "decision_id": id_of(command),
        "input": seen,
        "input_hash": hashlib.sha256(seen.raw).hexdigest(),
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
    return _output(command, answer.model, answer.verdict), _decision(answer.model, answer.verdict)


def _output(command: Mapping[str, Any], model: Model, verdict: Verdict) -> dict[str, Any]:
    """What the workflow sees; the reasons are those that speak for the route, strongest first."""
    speaking = islice((c for c in verdict.contributions if _speaks(model, verdict, c)), MAX_REASONS)
    return {
        "route": verdict.route,
        "score": verdict.score,
        "model": model.card.name,
        "version": model.card.version,
        "decisionId": id_of(command),
        "reasons": [{**_reason(model, c), "text": model.labels[c.field]} for c in speaking],
        "outside": list(verdict.outside),
        "held": [each.as_map() for each in verdict.held],
    }


def _speaks(model: Model, verdict: Verdict, contribution: Contribution) -> bool:
    """Whether a field speaks for the route: of a bad outcome, against it or for it; of a label, for it."""
    if model.head.kind == "regression":
        return contribution.amount != 0
    against = model.head.kind == "binary" and verdict.route != REVIEW
    return contribution.amount * (-1 if against else 1) > 0


def _decision(model: Model, verdict: Verdict) -> dict[str, Any]:
    card = model.card
    return {
        "model": card.name,
        "model_version": card.version,
        "model_sha256": card.model.sha256,
        **verdict_fields(model, verdict),
        "thresholds": {"approve_below": model.band.approve_below},
        "certificate": model.band.certificate.id if model.band.certificate else None,
        "covers": model.band.covers,
        "certificate_sha256": model.band.certificate_sha256 or None,
    }


def verdict_fields(model: Model, verdict: Verdict) -> dict[str, Any]:
    """The fields of a Decision that follow from model, band and input."""
    return {
        "route": verdict.route,
        "score": NO_SCORE if verdict.score is None else verdict.score,
        "reasons": [_reason(model, c) for c in verdict.contributions if c.amount],
        "reference": model.card.reference.name if verdict.contributions else None,
        "outside": list(verdict.outside),
        "held": [each.as_map() for each in verdict.held],
    }


def _reason(model: Model, contribution: Contribution) -> dict[str, Any]:
    return {
        "group": contribution.field,
        "contribution": round(contribution.amount, SCORE_DECIMALS),
        "text_id": model.text_ids[contribution.field],
    }


def failed(command: Mapping[str, Any], reason: Reason, detail: str) -> Carried:
    """What comes of a command for which no decision can be made."""
    return Carried(faulted(command, problem(reason, detail, command["pointer"])), None)
