"""The card of the credit approval model: what serving needs, and what people want to know."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from models.decisions.cards import declared, model_file, packages, reference
from models.decisions.credit_approval.data import Data
from models.decisions.credit_approval.model import APPROVE_BELOW, COST_BAD, COST_REVIEW, FOLDS, SEED
from models.decisions.measure import fairness, quality, route_quality
from models.decisions.training import Trained

NAME = "credit-approval"
CODE = "models.decisions.credit_approval"
APPROVE_PAIRS, REVIEW_PAIRS = 1, 2
LIMITS = (
    "For demonstration, not for lending. The clients are those of one bank in Taiwan in 2005, amid a crisis of card "
    "debt; scores and certificate hold for such clients. Some codes of the months in arrears (-2, 0) are documented "
    "nowhere. The costs are an assumption."
)
ATTRIBUTION = (
    "Yeh, I.-C. (2009). Default of Credit Card Clients [Dataset]. UCI Machine Learning Repository. "
    "https://doi.org/10.24432/C55S3H. CC BY 4.0. Changed: converted to CSV, a random 80 % of the rows."
)


def card(trained: Trained[Data], version: str) -> dict[str, Any]:
    """The whole card, ready to be written as TOML."""
    fields = [each.field for each in trained.inputs]
    drawn = random.Random(SEED)
    return {
        "name": NAME,
        "version": version,
        "purpose": (
            "Probability that a card client does not pay next month's bill. Low risk is approved; everything else is "
            "for a person to decide."
        ),
        "limits": LIMITS,
        "model": model_file(trained),
        "routing": {
            "approve_below": APPROVE_BELOW,
            "cost_bad": COST_BAD,
            "cost_review": COST_REVIEW,
            "how_chosen": (
                "Cost of a review by cost of a client who does not pay, both assumed. What may be approved is what the "
                "certificate says, up to here. No automatic reject."
            ),
        },
        "reference": _reference(trained),
        "explaining": {
            "approve_pairs": APPROVE_PAIRS,
            "review_pairs": REVIEW_PAIRS,
            "orders": [drawn.sample(fields, len(fields)) for _ in range(max(APPROVE_PAIRS, REVIEW_PAIRS))],
            **({"linear": msgspec.to_builtins(trained.linear)} if trained.linear else {}),
        },
        "inputs": declared(trained.inputs),
        "together": [msgspec.to_builtins(pair) for pair in trained.together],
        "data": {
            "name": "Default of Credit Card Clients",
            "reference": "https://doi.org/10.24432/C55S3H",
            "licence": "CC BY 4.0, https://creativecommons.org/licenses/by/4.0/",
            "attribution": ATTRIBUTION,
            "sha256": trained.data.sha256,
            "rows": len(trained.data.bad),
            "rows_held_out": int(trained.held_out.sum()),
            "attributes_never_inputs": "SEX, MARRIAGE, AGE; EDUCATION, of which several codes are documented nowhere",
        },
        "metrics": _metrics(trained),
        "fairness": {
            "how": "Rows and scores as in metrics.routes. Attributes of the groups are no inputs.",
            "groups": fairness(trained.data.groups.items(), trained.approved, trained.data.bad),
        },
        "training": {
            "script": f"python -m {CODE}.train",
            "seed": SEED,
            "chosen_by": f"log loss of {FOLDS}-fold cross-validation within the rows that are not held out",
            "packages": packages(),
            "candidates": trained.tried,
        },
    }


def _reference(trained: Trained[Data]) -> dict[str, Any]:
    typical = trained.approved & ~trained.held_out
    approved = [request for request, yes in zip(trained.data.requests, typical.tolist(), strict=True) if yes]
    how_chosen = "Median of each number over the training rows that are approved."
    return reference(trained, approved, "typical-approved-client/1", how_chosen)


def _metrics(trained: Trained[Data]) -> dict[str, Any]:
    out, scores, bad = trained.held_out, trained.unseen_scores, trained.data.bad
    return {
        "how": (
            f"out_of_fold: {FOLDS}-fold cross-validation within the training rows. held_out: the model itself on rows "
            "that had no part in it. routes: all rows at the break-even of the costs, each scored by a model that had "
            "not seen it. calibration_error: mean gap between score and bad share over 10 bins of equal size."
        ),
        "out_of_fold": quality(scores[~out], bad[~out]),
        "held_out": quality(scores[out], bad[out]),
        "routes": route_quality(trained.approved, bad),
    }
