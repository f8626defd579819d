"""What is known of a letter, and what may be done about it. Pure; `processor.py` makes it durable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from schemas.reasons import Reason
from schemas.steps import ADDRESS

PARKED, DEAD = "parked", "dead"
OPEN, EDITED, REDRIVEN, DROPPED = "open", "edited", "redriven", "dropped"
STATUSES: Final = (OPEN, EDITED, REDRIVEN, DROPPED)
UNDECIDED: Final = (OPEN, EDITED)
REDRIVE, DROP, EDIT = "redrive", "drop", "edit"
ACTIONS: Final[Mapping[str, str]] = {REDRIVE: REDRIVEN, DROP: DROPPED, EDIT: EDITED}
_CLOSED_AS: Final[Mapping[str, str]] = {"retried": REDRIVEN}  # an incident; otherwise nobody needs the letter any more


class Letter(msgspec.Struct, array_like=True):
    """The newest state of a letter: the fields of the message `Letter`."""

    letter_id: str
    seq: int
    kind: str
    status: str
    processor: str
    reason: str
    topic: str
    partition: int
    offset: int
    held_topic: str
    held_offset: int
    size: int
    replays: int
    at_ms: int
    changed_at_ms: int
    function: str | None = None
    workflow: str | None = None
    instance_id: str | None = None
    pointer: str | None = None
    incident: int | None = None
    left_out: str | None = None
    edited_offset: int | None = None
    actor: str | None = None
    why: str | None = None
    action_id: str | None = None
    refused: str | None = None


class Held(msgspec.Struct, array_like=True, tag=True):
    """A row: the letter, and what is sent if it is redriven; of a dead letter only what was edited."""

    letter: Letter
    first_offset: int = -1  # of a parked record: where it stood before it was ever redriven
    key: bytes | None = None
    value: bytes | None = None
    headers: list[tuple[str, bytes]] = []


class Pending(msgspec.Struct, array_like=True, tag=True):
    """A row: one half of a dead letter, the letter or the incident, that waits for the other."""

    letter: Letter | None = None
    incident: dict[str, Any] | None = None


def refusal(letter: Letter, action: Mapping[str, Any], max_replays: int) -> str | None:
    """Why an action is not carried out; None if it is."""
    force = action["force"]
    if action["seq"] != letter.seq:
        return "it has changed since it was looked at"
    if action["action"] not in ACTIONS:
        return "nobody knows how to do that: the actions are redrive, drop and edit"
    if letter.status == REDRIVEN:
        return "it has been redriven already"
    if letter.kind == DEAD and letter.status == DROPPED:
        return "its incident is closed"
    if letter.status == DROPPED and not (force and action["action"] == REDRIVE):
        return "it has been dropped; only a redrive that is forced brings it back"
    if action["action"] == REDRIVE:
        return _not_again(letter, force, max_replays)
    return "an edit needs a value" if action["action"] == EDIT and action["value"] is None else None


def _not_again(letter: Letter, force: bool, max_replays: int) -> str | None:
    if letter.left_out is not None and letter.edited_offset is None:
        return "it was too large to be kept, and only its place is known"
    if not force and letter.replays >= max_replays:
        return f"it came back {letter.replays} times already; mend the cause first, or force it"
    if not force and letter.kind == DEAD and letter.reason == Reason.OUTCOME_UNKNOWN:
        return "nobody knows whether its effect has happened; look first, then force it or skip the step"
    return None


def settled(letter: Letter, incident: Mapping[str, Any]) -> None:
    """The incident of a dead letter is closed: so is the letter."""
    status = _CLOSED_AS.get(incident["status"], DROPPED)
    if letter.status != status:
        letter.status, letter.actor, letter.why = status, incident["actor"], incident["why"]


def step_of(found: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a dead letter and its incident have in common."""
    return tuple(found[name] for name in ADDRESS)
