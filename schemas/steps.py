"""The words of a step: its address and id, how it is answered, and the problem of one that failed.

Engine, step processors, connectors and local runs share them. A *step* is one task being carried out in one instance;
its address has four parts, and its id is the key under which everybody recognises it. A *problem* (RFC 9457) is a plain
dictionary everywhere, because definitions read it as data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from schemas.ids import step_id
from schemas.payload import Payload
from schemas.reasons import MEANINGS, Effect, Reason

ADDRESS: Final = ("instance_id", "pointer", "iteration", "attempt")
COMPLETED: Final = "completed"
FAULTED: Final = "faulted"

MAX_DETAIL = 4096  # characters of each text of a problem; it travels in history, outcome and state

Fields = Mapping[str, Any]  # of a message that has a step's address: StepCommand, StepResult, CancelStep
Problem = dict[str, Any]  # type, title, status; detail, instance, reason, effect where known


def address(step: Fields) -> dict[str, Any]:
    """The four parts of a step's address."""
    return {name: step[name] for name in ADDRESS}


def id_of(step: Fields) -> str:
    """The step's id: idempotency key of its effects, and id of its decision or human task."""
    return step_id(step["instance_id"], step["pointer"], step["iteration"], step["attempt"])


def key_of(step: Fields) -> bytes:
    """The step's id as the key of a row."""
    return id_of(step).encode()


def address_of(step: str) -> dict[str, Any]:
    """The address that a step's id spells out. Raises ValueError where it is none."""
    place, iteration, attempt = step.rsplit("/", 2)
    instance, _, pointer = place.partition("/")
    return dict(zip(ADDRESS, (instance, f"/{pointer}", int(iteration), int(attempt)), strict=True))


def completed(step: Fields, output: Payload) -> dict[str, Any]:
    """Fields of the StepResult of a step that has its output."""
    return {**address(step), "status": COMPLETED, "output": output, "error": None}


def faulted(step: Fields, error: Problem, answer: Payload | None = None) -> dict[str, Any]:
    """Fields of the StepResult of a step that failed; `answer` is what the system outside has said with its error."""
    return {**address(step), "status": FAULTED, "output": answer, "error": error}


def problem(
    reason: Reason,
    detail: str,
    pointer: str,
    *,
    effect: Effect = Effect.NONE,
    kind: str | None = None,
    status: int | None = None,
) -> Problem:
    """The problem of the task at `pointer`, with the members of the Avro record `Problem`.

    Type (`kind`), status and title are those of the reason unless given.
    """
    meaning = MEANINGS[reason]
    return {
        "type": kind or meaning.type,
        "title": meaning.title,
        "status": meaning.status if status is None else status,
        "detail": told(detail) or None,
        "instance": pointer,
        "reason": reason.value,
        "effect": effect.value,
    }


def told(text: str) -> str:
    """A text as the `detail` of any problem tells it. Every detail is written here: bounded, and valid Unicode.

    jq makes text that is no Unicode, and records can't hold it.
    """
    return text[:MAX_DETAIL].encode(errors="replace").decode()
