"""A decision and what turns out about it, on the partition of their instance. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from models.serving.card import REVIEW
from schemas.payload import Payload

AUDIT: Final = "audit"
CORRECTION: Final = "correction"
OTHER: Final = "other"
MAX_HEARD = 64  # labels of one decision that are recognised when they come again


class Kept(msgspec.Struct):
    """A decision that may be told more of."""

    decision_id: str
    model: str
    model_version: str
    covers: str | None
    certificate_sha256: str | None
    route: str
    score: float
    input: bytes
    share: float
    drawn: bool
    target: float | None
    routes: list[str]
    at_ms: int
    first: str | None = None  # what it was told first would have been right
    heard: list[str] = []  # ids of labels


def kept(decision: Mapping[str, Any]) -> Kept | None:
    """What is kept of a Decision; None where no model was asked."""
    audit = decision["audit"]
    if audit is None:
        return None
    same = {name: decision[name] for name in _SAME}
    return Kept(**same, **audit, input=decision["input"].raw)


_SAME = ("decision_id", "model", "model_version", "covers", "certificate_sha256", "route", "score", "at_ms")


def choices(routes: list[str]) -> list[str]:
    """What a person who looks blindly can answer: one of the routes, or that it is none of them."""
    return [*routes, f"not-{routes[0]}"] if len(routes) == 1 else [*routes, OTHER]


def is_about(task: Mapping[str, Any], found: Kept) -> bool:
    """Whether the answer to a task says what would have been right: it offers something that the model can decide."""
    return found.route == REVIEW and not {*found.routes}.isdisjoint(task["outcomes"])


def label(found: Kept, label_id: str, said: str, source: str, actor: str, at_ms: int) -> dict[str, Any] | None:
    """Notes what turned out, and gives the fields of its Label; None if it was noted before."""
    if label_id in found.heard:
        return None
    first = found.first is None
    found.first = said if found.first is None else found.first
    found.heard = [*found.heard, label_id][-MAX_HEARD:]
    return {
        **{name: getattr(found, name) for name in _SAME if name != "at_ms"},
        "label_id": label_id,
        "input": Payload.inside(found.input),
        "label": said,
        "source": source,
        "actor": actor,
        "first": first,
        "contradicts": said != found.first,
        "inclusion_probability": found.share,
        "drawn": found.drawn,
        "target": found.target,
        "decided_at_ms": found.at_ms,
        "at_ms": at_ms,
    }
