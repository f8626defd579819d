"""Station 4, decide: a step that asks a model. Scored here and now; a model is some microseconds of arithmetic.

Every decision leaves one record with all that is needed to recompute it. It holds only those fields of the input
that the model reads. A command that comes again gives the same bytes again: the model's file is pinned, ids are the
step's, and the time is that of the command's record.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from models.serving.errors import FeatureError, ModelError
from models.serving.explain import Contribution
from models.serving.predict import SCORE_DECIMALS, Model, Verdict
from models.serving.registry import Registry
from schemas.messages import CANCEL_STEP, DECISION, STEP_COMMAND, STEP_RESULT
from schemas.payload import Door, Payload
from schemas.reasons import Reason
from schemas.steps import completed, faulted, id_of, problem
from streams.processors import decide
from streams.processors.context import Context
from streams.processors.orchestrate import INBOX
from streams.runtime import metrics
from streams.runtime.answers import answer_unusable
from streams.runtime.letters import dead_letter
from streams.runtime.parking import parked
from streams.runtime.processor import Effects, FastProcessor, Message, Output, StateView

MAX_REASONS = 4  # of a result; the decision's own record has them all


class Carried(NamedTuple):
    """What came of a command."""

    result: dict[str, Any]  # fields of the StepResult
    decision: dict[str, Any] | None  # fields of the Decision; None if none could be made


class _BadArgumentsError(Exception):
    """The step does not say what to ask; the text is place, reason and remedy."""


class Decide(FastProcessor):
    """Commands in, results and decisions out. Keeps nothing but the models, in memory."""

    declaration = decide.DECLARATION

    def __init__(self, context: Context, registry: Registry | None = None) -> None:
        self._codec = context.codec
        self._registry = registry or Registry()

    async def open(self) -> None:
        """Loads every active model; raises RefusedModelError for one that must not be used."""
        self._registry.load_all()

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        """A result for each command, and the record of its decision. A decided step cannot be cancelled any more."""
        effects = Effects([], {})
        for message in batch:
            if message.name == STEP_COMMAND:
                effects.outputs.extend(self._answers(message))
            elif message.name != CANCEL_STEP:
                effects.outputs.append(parked(message.record, self.declaration.name, _no_command(message)))
        return effects

    def on_parked(self, message: Message, state: StateView) -> Effects:
        """A command that cannot be used is answered."""
        return answer_unusable(self._codec, message, INBOX)

    def _answers(self, message: Message) -> list[Output]:
        carried = carry_out(message.data, self._registry, message.record.timestamp_ms)
        _count(message.data["function"], carried)
        key = message.record.key
        if error := carried.result["error"]:
            return [dead_letter(self._codec, self.declaration.dead_letters, message, error, harmless=True)]
        answers = [Output(INBOX, key, self._codec.encode(STEP_RESULT, carried.result))]
        if carried.decision is not None:
            answers.append(Output(decide.DECISIONS, key, self._codec.encode(DECISION, carried.decision)))
        return answers


def carry_out(command: Mapping[str, Any], registry: Registry, at_ms: int) -> Carried:
    """Makes the decision that a StepCommand asks for, as of `at_ms` (epoch). Knows nothing of Kafka.

    Raises UnreadablePayloadError where its arguments are no JSON, and nothing else but what is a bug.
    """
    try:
        name, values = _arguments(command)
        model = registry.get(name)
        verdict = model.decide(values)
    except _BadArgumentsError as error:
        return _faulted(command, Reason.INPUT_INVALID, f"with.{error}")
    except FeatureError as error:
        return _faulted(command, Reason.INPUT_INVALID, f"with.input.{error}")
    except ModelError as error:
        return _faulted(command, Reason.MISCONFIGURED, f"with.model: {error}")
    output = Payload.from_outside(_output(command, model, verdict), Door.RESULT)
    return Carried(completed(command, output), _decision(command, model, values, verdict, at_ms))


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
    sign = 1 if verdict.route == "review" else -1
    speaking = [c for c in verdict.contributions if c.amount * sign > 0][:MAX_REASONS]
    return {
        "route": verdict.route,
        "score": verdict.score,
        "model": model.card.name,
        "version": model.card.version,
        "decisionId": id_of(command),
        "reasons": [{**_reason(model, c), "text": model.labels[c.field]} for c in speaking],
        "outside": list(verdict.outside),
    }


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
        "route": verdict.route,
        "score": verdict.score,
        "thresholds": {"approve_below": card.routing.approve_below},
        "reasons": [_reason(model, c) for c in verdict.contributions if c.amount],
        "reference": card.reference.name if verdict.contributions else None,
        "certificate": card.routing.certificate or None,
        "at_ms": at_ms,
    }


def _reason(model: Model, contribution: Contribution) -> dict[str, Any]:
    return {
        "group": contribution.field,
        "contribution": round(contribution.amount, SCORE_DECIMALS),
        "text_id": f"{model.card.name}.{contribution.field}",
    }


def _faulted(command: Mapping[str, Any], reason: Reason, detail: str) -> Carried:
    return Carried(faulted(command, problem(reason, detail, command["pointer"])), None)


def _no_command(message: Message) -> str:
    return f"{message.name} is no command" if message.name else "a record without a value"


def _count(function: str, carried: Carried) -> None:
    metrics.count_step(function, carried.result)
    if carried.decision is not None:
        decide.DECIDED.labels(carried.decision["model"], carried.decision["route"]).inc()
