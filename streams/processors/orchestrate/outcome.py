"""Station 5, the outcome: how an instance ended, once, on the topic of its workflow.

An outcome is a CloudEvent in Kafka's binary mode. Its id is derived from the instance, so whoever reads it twice
(after a crash, the same bytes may stand on the topic twice) can tell: subscribers drop what they have seen by
`ce_id`.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import asdict

from schemas import cloudevents, ids
from schemas.codec import Codec
from schemas.lifecycle import Status
from schemas.messages import INSTANCE_OUTCOME, STEP_RESULT
from schemas.reasons import Effect
from schemas.steps import address_of, completed, faulted
from streams.definitions import outcome_topic
from streams.definitions.outcome_types import OutcomeType
from streams.engine import Outcome
from streams.processors.orchestrate import INBOX
from streams.runtime.processor import Output

CONTENT_TYPE = "application/avro"
SOURCE = "exlify"


def outcome_event_id(instance_id: str) -> str:
    """CloudEvents id of an instance's outcome."""
    return f"{instance_id}/outcome"


def output(codec: Codec, ended: Outcome, typed: OutcomeType | None = None) -> Output:
    """The record of an outcome, of a type that the definition declares; one that does not fit carries JSON."""
    attributes = {
        "specversion": "1.0",
        "id": outcome_event_id(ended.instance_id),
        "source": f"{SOURCE}/{ended.workflow}",
        "type": f"exlify.outcome.{ended.status}.v1",
        "instanceid": ended.instance_id,
    }
    if ended.business_key:
        attributes["subject"] = ended.business_key
    fields = asdict(ended)
    value = None if typed is None else typed.value(fields)
    return Output(
        outcome_topic(ended.workflow),
        ended.instance_id.encode(),
        codec.encode(INSTANCE_OUTCOME, fields) if value is None else value,
        cloudevents.to_headers(attributes, CONTENT_TYPE),
    )


def answers(codec: Codec, ended: Outcome) -> Sequence[Output]:
    """The outcome as the answer of the step that has started the instance and waits for it, if one does."""
    step = ids.awaited_by(ended.instance_id, ended.source, ended.event_id)
    if step is None:
        return ()
    address = address_of(step)
    if ended.status == Status.COMPLETED and ended.output is not None:
        result = completed(address, ended.output)
    else:
        error = {**(ended.error or {}), "instance": address["pointer"]}
        result = faulted(address, error | ({"effect": Effect.UNKNOWN.value} if ended.standing else {}))
    return (Output(INBOX, ids.instance_of(step).encode(), codec.encode(STEP_RESULT, result)),)
