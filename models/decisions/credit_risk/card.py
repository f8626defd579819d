"""The card of the credit risk model, section by section: what serving needs first, then what people want to know."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import numpy as np

from models.decisions.cards import declared, model_file, packages, reference
from models.decisions.credit_risk import candidates
from models.decisions.credit_risk.data import protected
from models.decisions.credit_risk.model import APPROVE_BELOW, COST_BAD, COST_REVIEW, HELD_OUT_SHARE, SEED, Data
from models.decisions.measure import Flags, fairness, quality, route_quality
from models.decisions.training import Trained

APPROVE_PAIRS, REVIEW_PAIRS = 1, 2
NAME = "credit-risk"
LIMITS = (
    "For demonstration, not for lending. Bad loans are over-represented in the data (30 %), so scores and "
    "certificate hold for such a mixture and not for a real portfolio. The loans are of the 1970s, in Deutsche "
    "Mark, and several codes of this version of the data are known to be wrong (Grömping 2019, Correcting a "
    "Widely Used Data Set)."
)
ATTRIBUTION = (
    "Hofmann, H. (1994). Statlog (German Credit Data) [Dataset]. UCI Machine Learning Repository. "
    "https://doi.org/10.24432/C5NC77. CC BY 4.0. Changed: a random 80 % of the rows."
)


def card(trained: Trained[Data], version: str) -> dict[str, Any]:
    """The whole card, ready to be written as TOML."""
    return {
        "name": NAME,
        "version": version,
        "purpose": (
            "Probability that a consumer loan goes bad. Low risk is approved; everything else is for a person to "
            "decide."
        ),
        "limits": LIMITS,
        "model": _model(trained),
        "routing": _routing(),
        "reference": _reference(trained),
        "explaining": _explaining(trained),
        "inputs": declared(trained.inputs),
        "together": [msgspec.to_builtins(pair) for pair in trained.together],
        "data": _data(trained),
        "metrics": _metrics(trained),
        "fairness": _fairness(trained),
        "training": _training(trained),
    }


def _model(trained: Trained[Data]) -> dict[str, Any]:
    return {
        **model_file(trained),
        "reproducible": "Same data, seed, packages and kind of processor: same bytes. Elsewhere: same scores to 1e-6.",
    }


def _routing() -> dict[str, Any]:
    return {
        "approve_below": APPROVE_BELOW,
        "cost_bad": COST_BAD,
        "cost_review": COST_REVIEW,
        "how_chosen": (
            "Cost of a review by cost of a bad loan: above it approving costs more than asking a person. The costs are "
            "the data source's, a review counted as much as refusing a good applicant; nothing was tuned. What may be "
            "approved is what the certificate says, up to here. Rows with numbers that are out of range, or together "
            "unlike the training rows, go to review whatever the score. No automatic reject."
        ),
    }


def _reference(trained: Trained[Data]) -> dict[str, Any]:
    approved = [
        a for a, yes in zip(trained.data.applications, trained.approved & ~trained.held_out, strict=True) if yes
    ]
    how_chosen = "Most frequent code and median number of the training rows that are approved."
    return reference(trained, approved, "typical-approved-application/1", how_chosen)


def _explaining(trained: Trained[Data]) -> dict[str, Any]:
    drawn = random.Random(SEED)
    fields = [i.field for i in trained.inputs]
    orders = [drawn.sample(fields, len(fields)) for _ in range(max(APPROVE_PAIRS, REVIEW_PAIRS))]
    linear = {"linear": msgspec.to_builtins(trained.linear)} if trained.linear else {}
    return {"approve_pairs": APPROVE_PAIRS, "review_pairs": REVIEW_PAIRS, "orders": orders, **linear}


def _data(trained: Trained[Data]) -> dict[str, Any]:
    return {
        "name": "Statlog (German Credit Data)",
        "reference": "https://doi.org/10.24432/C5NC77",
        "licence": "CC BY 4.0, https://creativecommons.org/licenses/by/4.0/",
        "attribution": ATTRIBUTION,
        "sha256": trained.data.sha256,
        "rows": len(trained.data.bad),
        "rows_trained_on": int((~trained.held_out).sum()),
        "rows_held_out": int(trained.held_out.sum()),
        "attributes_never_inputs": "9 status and sex, 13 age, 20 foreign worker",
    }


def _metrics(trained: Trained[Data]) -> dict[str, Any]:
    out, scores, bad = trained.held_out, trained.unseen_scores, trained.data.bad
    return {
        "how": (
            "out_of_fold: 10-fold cross-validation within the training rows. held_out: the model itself on rows "
            "that had no part in it. routes_held_out: its routes there, at the break-even of the costs (what is in "
            "force is the certificate's). routes: all rows, each scored by a model "
            "that had not seen it. calibration_error: mean gap between score and bad share over 10 bins of equal "
            "size; slope 1 and intercept 0 would be perfect."
        ),
        "out_of_fold": quality(scores[~out], bad[~out]),
        "held_out": quality(scores[out], bad[out]),
        "routes_held_out": route_quality(trained.approved[out], bad[out]),
        "routes": route_quality(trained.approved, bad),
    }


def _fairness(trained: Trained[Data]) -> dict[str, Any]:
    return {
        "how": (
            "Rows and scores as in metrics.routes. Sex cannot be told reliably: A92 mixes groups and A95 does not "
            "occur. Groups of few rows say little. Attributes of the groups are no inputs; others may stand in for "
            "them."
        ),
        "groups": fairness(groups(trained.data).items(), trained.approved, trained.data.bad),
    }


def groups(data: Data) -> dict[str, Flags]:
    """Members of the groups that fairness is looked at for."""
    people = [protected(line) for line in data.lines]
    female = np.array([p.status_and_sex == "A92" for p in people])
    young = np.array([p.age_years < 26 for p in people])
    foreign = np.array([p.foreign_worker == "A201" for p in people])
    return {
        "status A92 (women but single ones)": female,
        "other status": ~female,
        "younger than 26": young,
        "26 or older": ~young,
        "foreign worker": foreign,
        "no foreign worker": ~foreign,
    }


def _training(trained: Trained[Data]) -> dict[str, Any]:
    return {
        "script": "python -m models.decisions.credit_risk.train",
        "seed": SEED,
        "held_out_share": HELD_OUT_SHARE,
        "chosen_by": f"log loss, mean of {candidates.FOLDS}-fold cross-validation repeated {candidates.REPEATS} times "
        "within the training rows",
        "packages": packages(),
        "candidates": trained.tried,
    }
