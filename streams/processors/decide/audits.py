"""Which decisions that a model takes alone a person looks at, too: drawn by the decision's id, at a stated rate.

The rate travels with the pin of the command, so a command that comes again is drawn alike. Who looks does not see what
the model said; see `streams/processors/monitor/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from models.serving.card import REVIEW
from models.serving.predict import Model
from models.serving.registry import Registry
from models.serving.shelf import read_pin
from schemas.steps import id_of
from streams.processors.decide.chain import Answer, bucket
from streams.processors.decide.pins import NONE, SEPARATOR, UNREAD, read_pinned


def audit_of(command: Mapping[str, Any], answer: Answer, registry: Registry) -> dict[str, Any] | None:
    """How a decision is watched; None where no model was asked."""
    model, verdict = answer.model, answer.verdict
    if model is None or verdict is None:
        return None
    alone, certificate = verdict.route != REVIEW, model.band.certificate
    share = _share(read_pinned(command.get("pin")).models, model, registry) if alone else 1.0
    looked_at = alone and share > 0 and drawn(id_of(command), share)
    return {
        "share": share,
        "drawn": looked_at,
        "target": certificate.target if certificate else None,
        "routes": [*model.head.routes] if looked_at or not alone else [],  # what a person may answer
    }


def drawn(decision_id: str, share: float) -> bool:
    """Whether a decision is looked at, where this share of all is."""
    return bucket("audit", decision_id) < 100 * share


def _share(pinned: str | None, model: Model, registry: Registry) -> float:
    if pinned is not None:
        return _pinned(pinned, model.card.name)
    pin = registry.shelf.pin(model.card.name)
    return pin.audit / 100 if pin else 0.0


@lru_cache(maxsize=1024)
def _pinned(pinned: str, name: str) -> float:
    """What the pins of a command say of a model; all commands of a time have the same."""
    pins = (read_pin(each) for each in pinned.split(SEPARATOR) if each not in (NONE, UNREAD))
    return next((pin.audit / 100 for pin in pins if pin.name == name), 0.0)
