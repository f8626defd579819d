"""The card of a model of texts: what serving needs, and what people want to know."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.decisions.cards import declared, packages
from models.decisions.measure import Flags, figure
from models.decisions.onnx_export import OUTPUT
from models.decisions.texts.data import FIELD, Judged
from models.decisions.texts.model import APART, INVERSE_PENALTY
from models.decisions.training import Trained
from models.serving.features import Encoder
from models.serving.predict import SCORE_DECIMALS, session_of
from models.serving.seat import seat

COST_BAD = 2.0  # of a text at the wrong place, where it is read in vain and passed on; assumed
COST_REVIEW = 1.0
APPROVE_BELOW = round(COST_REVIEW / COST_BAD, SCORE_DECIMALS)
TARGET = 0.05  # of texts at the wrong place among those that nobody reads before
DELTA = 0.05
PACKAGES = ("scikit-learn", "onnx", "onnxruntime", "numpy", "scipy", "protobuf")


@dataclass(frozen=True, kw_only=True)
class About:
    """What differs from one model of texts to the next."""

    name: str
    code: str
    of: str
    purpose: str
    limits: str
    reference: tuple[str, str]  # its name, and a made-up text
    terms: int
    seed: int
    data: str
    link: str
    licence: str
    attribution: str


def card(about: About, trained: Trained[Judged], version: str) -> dict[str, Any]:
    """The whole card, ready to be written as TOML."""
    name, text = about.reference
    asked = seat(session_of(trained.model), OUTPUT, Encoder(trained.inputs))
    asked.take({FIELD: text})
    score = float(asked.ask().max())
    return {
        "name": about.name,
        "version": version,
        "purpose": about.purpose,
        "limits": about.limits,
        "model": {
            "sha256": hashlib.sha256(trained.model).hexdigest(),
            "output": OUTPUT,
            "kind": trained.chosen,
            "task": "classes",
            "labels": list(trained.data.expected),
            "parity": f"Largest gap to the native probabilities over the held-out rows {trained.parity_gap:.0e}.",
        },
        "routing": {
            "approve_below": APPROVE_BELOW,
            "cost_bad": COST_BAD,
            "cost_review": COST_REVIEW,
            "how_chosen": (
                "Cost of a person who reads the text by cost of one at the wrong place, both assumed. What may go "
                "alone is what the certificate says, up to here."
            ),
        },
        "reference": {"name": name, "score": round(score, SCORE_DECIMALS), "values": {FIELD: text}},
        "explaining": {"approve_pairs": 0, "review_pairs": 0, "orders": []},
        "inputs": declared(trained.inputs),
        "data": {
            "name": about.data,
            "reference": about.link,
            "licence": about.licence,
            "attribution": about.attribution,
            "sha256": trained.data.sha256,
            "rows": len(trained.held_out),
            "rows_held_out": int(trained.held_out.sum()),
        },
        "metrics": _metrics(trained),
        "training": {
            "script": f"python -m {about.code}.train",
            "seed": about.seed,
            "inverse_penalty": INVERSE_PENALTY,
            "probabilities": f"fitted to {APART:.0%} of the rows that are not held out, by a model without them",
            "packages": packages(PACKAGES),
        },
    }


def _metrics(trained: Trained[Judged]) -> dict[str, Any]:
    texts = trained.data.texts
    inside = texts.held_out & ~texts.outside
    every_other = np.zeros(len(inside), np.bool_)
    every_other[np.flatnonzero(inside)[::2]] = True
    find, test = every_other | (texts.outside & ~texts.held_out), texts.held_out & ~every_other
    return {
        "how": (
            "Rows that had no part in the model. at_error: the loosest threshold at which at most this share of those "
            "below it is wrong, found on every other held-out row in scope and on those set aside, measured on the "
            "rest; handled: share of the texts in scope that nobody reads; outside_to_people: share of the others that "
            "somebody does."
        ),
        "rows": int(inside.sum()),
        "rows_outside": int((texts.outside & texts.held_out).sum()),
        "accuracy": figure(1 - trained.data.bad[inside].mean()),
        "at_error": [_at(share, trained, find, test) for share in (0.03, TARGET)],
    }


def _at(share: float, trained: Trained[Judged], find: Flags, test: Flags) -> dict[str, float]:
    doubts, wrong, outside = trained.unseen_scores, trained.data.bad, trained.data.texts.outside
    order = np.argsort(doubts[find], kind="stable")
    errors = np.cumsum(wrong[find][order]) / np.arange(1, len(order) + 1)
    fits = np.flatnonzero(errors <= share)
    threshold = float(doubts[find][order][fits[-1]]) if len(fits) else 0.0
    taken = (doubts <= threshold) & trained.readable
    told = {
        "error": share,
        "threshold": figure(threshold),
        "handled": figure(taken[test & ~outside].mean()),
        "wrong": figure(wrong[test & taken].mean()) if (test & taken).any() else 0.0,
    }
    elsewhere = test & outside
    return told | ({"outside_to_people": figure((~taken)[elsewhere].mean())} if elsewhere.any() else {})
