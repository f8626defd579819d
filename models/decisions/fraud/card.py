"""The card of the card fraud model: what serving needs, and what people want to know."""

from __future__ import annotations

import random
from dataclasses import asdict
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score

from models.decisions.cards import declared, model_file, packages, reference
from models.decisions.fraud.data import LEARN, MEASURE, Data
from models.decisions.fraud.model import APPROVE_BELOW, COST_BAD, COST_REVIEW, FOLDS, SEED
from models.decisions.measure import figure, quality, route_quality
from models.decisions.training import Trained

NAME = "card-fraud"
CODE = "models.decisions.fraud"
ROUTE = "pay"
LIMITS = (
    "For demonstration: every payment that it learnt from is simulated (models/decisions/fraud/simulator.py), and so "
    "is what its certificate says. It knows nothing of the frauds of a real bank. A card or terminal of which nothing "
    "is known looks to it like one at which nothing has happened. The costs are an assumption."
)


def card(trained: Trained[Data], version: str) -> dict[str, Any]:
    """The whole card, ready to be written as TOML."""
    fields = [each.field for each in trained.inputs]
    return {
        "name": NAME,
        "version": version,
        "purpose": (
            "Probability that a payment by card is a fraud. Where it is small the payment is made; else the account is "
            "locked and a person looks."
        ),
        "limits": LIMITS,
        "model": model_file(trained),
        "routing": {
            "approve_below": APPROVE_BELOW,
            "route": ROUTE,
            "cost_bad": COST_BAD,
            "cost_review": COST_REVIEW,
            "how_chosen": (
                "Cost of a look by cost of a fraud that is paid, both assumed. What is paid is what the certificate "
                "says, up to here."
            ),
        },
        "reference": _reference(trained),
        "explaining": {
            "approve_pairs": 0,
            "review_pairs": 1,
            "orders": [random.Random(SEED).sample(fields, len(fields))],
        },
        "inputs": declared(trained.inputs),
        "together": [],
        "data": _data(trained),
        "metrics": _metrics(trained),
        "fairness": {"how": "The simulated world has no people with protected attributes.", "groups": []},
        "training": {
            "script": f"python -m {CODE}.train",
            "seed": SEED,
            "chosen_by": f"one candidate; log loss over {FOLDS} blocks in time of the rows that are not held out",
            "packages": packages(),
            "candidates": trained.tried,
        },
    }


def _reference(trained: Trained[Data]) -> dict[str, Any]:
    honest = [
        request
        for request, out, bad in zip(
            trained.data.requests, trained.held_out.tolist(), trained.data.bad.tolist(), strict=True
        )
        if not (out or bad)
    ]
    how_chosen = "Median of each number over the honest payments that it was trained on."
    return reference(trained, honest, "usual-payment/1", how_chosen)


def _data(trained: Trained[Data]) -> dict[str, Any]:
    return {
        "name": "Simulated payments by card",
        "reference": "models/decisions/fraud/simulator.py",
        "licence": "as the project",
        "world": asdict(trained.data.world),
        "days_learnt_from": [*LEARN],
        "days_held_out": [*MEASURE],
        "sha256": trained.data.sha256,
        "rows": len(trained.data.bad),
        "rows_held_out": int(trained.held_out.sum()),
    }


def _metrics(trained: Trained[Data]) -> dict[str, Any]:
    out, scores, bad = trained.held_out, trained.unseen_scores, trained.data.bad
    return {
        "how": (
            "out_of_fold: blocks in time of the rows that it was trained on. held_out: the model itself on the days "
            "that it was certified on. routes: at the loosest threshold that may be certified. "
            "`python -m models.decisions.fraud.floors` compares it with one without rolling features and with a rule, "
            "over other worlds."
        ),
        "out_of_fold": quality(scores[~out], bad[~out]),
        "held_out": {
            **quality(np.clip(scores[out], 1e-6, 1 - 1e-6), bad[out]),
            "average_precision": figure(average_precision_score(bad[out], scores[out])),
        },
        "routes": route_quality(trained.approved[out], bad[out]),
    }
