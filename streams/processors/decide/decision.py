"""One decision: a command in, the fields of its result and of its record out. Knows nothing of Kafka.

The record holds all that is needed to recompute it, and only those fields of the input that the model reads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from models.serving.card import REVIEW
from models.serving.errors import FeatureError, RefusedModelError, UnknownModelError
from models.serving.explain import Contribution
from models.serving.held import Held, Why
from models.serving.predict import SCORE_DECIMALS, Model, Verdict
from models.serving.registry import Registry
from models.serving.shelf import Pin, read_pin
from schemas.payload import Door, Payload
from schemas.reasons import Reason
from schemas.steps import completed, faulted, id_of, problem
from streams.processors.decide.pins import NONE

NO_SCORE = -1.0  # on record, where the model was not asked or gave no number; `held` says why
SUSPENDED = Held(Why.SUSPENDED, "", "the model may not decide alone: it is suspended")
MAX_REASONS = 4  # of a result; the decision's own record has them all


class Carried(NamedTuple):
    """What came of a command."""

    result: dict[str, Any]  # fields of the StepResult
    decision: dict[str, Any] | None  # fields of the Decision; None if none could be made


class _BadArgumentsError(Exception):
    """The step does not say what to ask; the text is place, reason and remedy."""


def carry_out(command: Mapping[str, Any], registry: Registry, at_ms: int) -> Carried:
    """Makes the decision that a StepCommand asks for, as of `at_ms` (epoch). Knows nothing of Kafka.

    Raises OutOfUseError while the model that the command is pinned to cannot be used, UnreadablePayloadError where its
    arguments are no JSON, and nothing else but what is a bug.
    """
    try:
        name, values = _arguments(command)
        model, closed = _model(name, command.get("pin"), registry)
        verdict = model.decide(values, closed)
    except _BadArgumentsError as error:
        return failed(command, Reason.INPUT_INVALID, f"with.{error}")
    except FeatureError as error:
        return failed(command, Reason.INPUT_INVALID, f"with.input.{error}")
    except UnknownModelError as error:
        return failed(command, Reason.MISCONFIGURED, f"with.model: {error}")
    output = Payload.from_outside(_output(command, model, verdict), Door.RESULT)
    return Carried(completed(command, output), _decision(command, model, values, verdict, at_ms))


class OutOfUseError(Exception):
    """The model that a command needs cannot be used now; the text says why."""

    def __init__(self, model: str, reason: str) -> None:
        super().__init__(reason)
        self.model = model


def _model(name: str, pinned: str | None, registry: Registry) -> tuple[Model, Held | None]:
    """The model that a command is pinned to, and why it may not act alone; the active one where it says nothing.

    Raises UnknownModelError, or OutOfUseError.
    """
    if pinned == NONE:
        raise UnknownModelError("There was no such model when the step was asked for. Activate it and try again.")
    place = name
    try:
        if pinned is None:
            pin = registry.shelf.pin(name) or Pin(name, "")
            return registry.get(name), SUSPENDED if pin.state == "suspended" else None
        pin = read_pin(pinned)
        place = f"{pin.name}@{pin.version}"
        model = registry.get(pin.name, pin.version)
    except ValueError:
        raise UnknownModelError("The command is pinned to no model. It was not made by Exlify.") from None
    except RefusedModelError as error:
        raise OutOfUseError(place, str(error)) from None
    return model, SUSPENDED if pin.state == "suspended" else model.changed(pin.sha256)


def _arguments(command: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    given = command["arguments"].value()
    name = given.get("model") if isinstance(given, dict) else None
    if not isinstance(name, str):
        raise _BadArgumentsError("model: missing, or not a string. Give the name of a model.")
    values = given.get("input")
    if not isinstance(values, dict):
        raise _BadArgumentsError("input: missing, or not an object. Give the fields that the model reads.")
    return name, values


def _output(command: Mapping[str, Any], model: Model, verdict: Verdict) -> dict[str, Any]:
    """What the workflow sees; the reasons are those that speak for the route, strongest first."""
    speaking = [c for c in verdict.contributions if _speaks(model, verdict, c)][:MAX_REASONS]
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


def _decision(
    command: Mapping[str, Any], model: Model, values: Mapping[str, Any], verdict: Verdict, at_ms: int
) -> dict[str, Any]:
    card = model.card
    seen = Payload.inside(orjson.dumps(model.encoder.declared(values)))
    return {
        **{name: command[name] for name in ("instance_id", "pointer", "workflow", "version", "digest")},
        "decision_id": id_of(command),
        "model": card.name,
        "model_version": card.version,
        "model_sha256": card.model.sha256,
        "input": seen,
        "input_hash": hashlib.sha256(seen.raw).hexdigest(),
        **verdict_fields(model, verdict),
        "thresholds": {"approve_below": model.band.approve_below},
        "certificate": model.band.certificate.id if model.band.certificate else None,
        "covers": model.band.covers,
        "certificate_sha256": model.band.certificate_sha256 or None,
        "at_ms": at_ms,
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
        "text_id": f"{model.card.name}.{contribution.field}",
    }


def failed(command: Mapping[str, Any], reason: Reason, detail: str) -> Carried:
    """What comes of a command for which no decision can be made."""
    return Carried(faulted(command, problem(reason, detail, command["pointer"])), None)
