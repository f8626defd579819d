"""Webhooks that went out, told from the history of the instance whose steps have sent them. Pure.

History knows every try, and folding it through the engine again gives what was sent; so nothing is written down for
this, but for what somebody has had sent once more beside the step (`Redelivery`). Steps that send under one key are one
delivery: its receiver sees one message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.hub.connections import folded
from connectors.webhook import SEND
from connectors.webhook.message_id import message_id
from schemas.ids import step_id
from schemas.messages import STEP_RESULT, STEP_RETRYING
from schemas.payload import Json, Payload, UnreadablePayloadError
from schemas.reasons import Effect, Reason
from schemas.steps import COMPLETED, Problem, problem
from streams.processors.orchestrate.retrace import Entry, Retraced

SENDING, WAITING, HELD = "sending", "waiting", "held"
DELIVERED, FAILED, WITHDRAWN = "delivered", "failed", "withdrawn"
STATUSES = (SENDING, WAITING, HELD, DELIVERED, FAILED, WITHDRAWN)
LONGEST_SENDING_MS = 60_000  # of a redelivery: who sends it gives up long before

Step = tuple[str, int, int]  # pointer, iteration and attempt


@dataclass(frozen=True, slots=True)
class Try:
    """One try: what came of it, and when that was known; of one that is under way, when it was asked for."""

    at_ms: int
    status: str
    code: int | None = None  # with which the endpoint has taken it
    error: Problem | None = None
    actor: str | None = None  # who wanted it, beside the step
    why: str | None = None


@dataclass(slots=True)
class Delivery:
    """A message on its way to an endpoint."""

    number: int  # of those of its instance, from 1
    pointer: str
    connection: str
    message_id: str
    key: str
    arguments: Payload
    asked_ms: int
    steps: list[Step] = field(default_factory=list)
    tries: list[Try] = field(default_factory=list)
    due_ms: int | None = None  # when the next try of its step begins
    is_open: bool = True  # somebody waits for what comes of its step

    @property
    def step(self) -> Step:
        """The newest step that sends it."""
        return self.steps[-1]

    def status(self, now_ms: int, *, paused: bool) -> str:
        """Where it is."""
        last = self.tries[-1].status if self.tries else None
        if last in (SENDING, DELIVERED) or not self.is_open:
            return last or WITHDRAWN
        if self.due_ms is not None and self.due_ms > now_ms:
            return WAITING
        return HELD if paused else SENDING

    def body(self) -> Json:
        """What is sent; None where it cannot be read."""
        return _given(self.arguments).get("body")


def deliveries(
    instance: str, entries: Sequence[Entry], found: Retraced, redelivered: Iterable[Mapping[str, Any]], now_ms: int
) -> list[Delivery]:
    """What an instance has sent, in the order in which it was asked for; `redelivered` are the messages about it."""
    by_key: dict[str, Delivery] = {}
    by_step: dict[Step, Delivery] = {}
    for number, (entry, name, cause) in enumerate(entries):
        if name in (STEP_RETRYING, STEP_RESULT) and (known := by_step.get(_step(cause))) is not None:
            _hear(known, name, cause, entry["at_ms"])
        for asked in found.asked[number]:
            if asked["function"] == SEND.name:
                sent = _sent(instance, asked, entry["at_ms"], by_key)
                by_step[_step(asked)] = sent
    waited_for = {(each.pointer, each.iteration, each.attempt) for each in found.waits}
    # A step that has ended sends no more, so these come behind its own tries, whatever the clocks say.
    by_message = {each.message_id: each for each in by_key.values()}
    for each in by_key.values():
        each.is_open = each.step in waited_for
        if not each.is_open:
            each.due_ms = None
    for told in sorted(redelivered, key=lambda told: told["at_ms"]):
        if (known := by_message.get(told["message_id"])) is not None:
            known.tries.append(_by_hand(known, told, now_ms))
    return list(by_key.values())


def _sent(instance: str, asked: Mapping[str, Any], at_ms: int, known: dict[str, Delivery]) -> Delivery:
    key = asked.get("key") or step_id(instance, *_step(asked))
    sent = known.get(key)
    if sent is None:
        name = _given(asked["arguments"]).get("connection")
        sent = known[key] = Delivery(
            number=len(known) + 1,
            pointer=asked["pointer"],
            connection=folded(name) if isinstance(name, str) else "",
            message_id=message_id(key),
            key=key,
            arguments=asked["arguments"],
            asked_ms=at_ms,
        )
    sent.arguments = asked["arguments"]  # a retry may have other input
    sent.steps.append(_step(asked))
    return sent


def _hear(sent: Delivery, name: str, cause: Mapping[str, Any], at_ms: int) -> None:
    """History tells of a step that sends it."""
    if name == STEP_RETRYING:
        sent.due_ms = cause["due_ms"]
        if cause["actor"] is None:  # else nothing has failed: somebody did not want to wait
            sent.tries.append(Try(at_ms, FAILED, error=cause["error"]))
        return
    sent.due_ms = None
    if cause["status"] == COMPLETED:
        code = _given(cause["output"]).get("status")
        sent.tries.append(Try(at_ms, DELIVERED, code if isinstance(code, int) else None))
    else:
        sent.tries.append(Try(at_ms, FAILED, error=cause["error"]))


def _by_hand(sent: Delivery, told: Mapping[str, Any], now_ms: int) -> Try:
    status, error = told["status"], told["error"]
    if status == SENDING and told["at_ms"] < now_ms - LONGEST_SENDING_MS:
        detail = "the gateway that was sending it stopped before it could tell; sending it again does no harm"
        status, error = FAILED, problem(Reason.OUTCOME_UNKNOWN, detail, sent.pointer, effect=Effect.UNKNOWN)
    return Try(told["at_ms"], status, told["code"], error, told["actor"], told["why"])


def _step(of: Mapping[str, Any]) -> Step:
    return of["pointer"], of["iteration"], of["attempt"]


def _given(payload: Payload | None) -> Mapping[str, Any]:
    """The members of an object; none of what is no object, or cannot be read."""
    try:
        value = None if payload is None else payload.value()
    except UnreadablePayloadError:
        return {}
    return value if isinstance(value, dict) else {}
