"""Which decisions that a model takes alone a person looks at, too: drawn by the decision's id, at a stated rate.

The rate travels with the pin of the command, so a command that comes again is drawn alike. Who looks does not see what
the model said; see `streams/processors/monitor/`.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    return {
        "share": share,
        "drawn": alone and share > 0 and drawn(id_of(command), share),
        "target": certificate.target if certificate else None,
        "routes": list(model.head.routes),
    }


def drawn(decision_id: str, share: float) -> bool:
    """Whether a decision is looked at, where this share of all is."""
    return bucket("audit", decision_id) < 100 * share


def _share(pinned: str | None, model: Model, registry: Registry) -> float:
    if pinned is None:
        pin = registry.shelf.pin(model.card.name)
    else:
        pins = [read_pin(each) for each in pinned.split(SEPARATOR) if each not in (NONE, UNREAD)]
        pin = next((each for each in pins if each.name == model.card.name), None)
    return pin.audit / 100 if pin else 0.0
