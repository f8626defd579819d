"""The card of the marketing response model: what serving needs, and what people want to know."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import numpy as np
from sklearn.metrics import roc_auc_score

from models.decisions.cards import declared, model_file, packages, reference
from models.decisions.marketing_response.data import Data
from models.decisions.marketing_response.drift import aucs
from models.decisions.marketing_response.model import APPROVE_BELOW, COST_BAD, COST_REVIEW, FOLDS, SEED
from models.decisions.measure import fairness, figure, quality, route_quality
from models.decisions.onnx_export import onnx_scores
from models.decisions.training import Trained

NAME = "marketing-response"
CODE = "models.decisions.marketing_response"
ROUTE = "skip"
LIMITS = (
    "For demonstration, and to be suspended: calls of one bank in Portugal from May 2008 on, of which the later ones "
    "are not like those that it was certified on (metrics.later). Nothing in a case tells when that begins; blind "
    "audits do. Codes and ranges are what can come, not what came. The costs are an assumption."
)
ATTRIBUTION = (
    "Moro, S., Rita, P., & Cortez, P. (2014). Bank Marketing [Dataset]. UCI Machine Learning Repository. "
    "https://doi.org/10.24432/C5K306. CC BY 4.0. Changed: a random 80 % of the rows. See also Moro, Cortez and Rita, A "
    "Data-Driven Approach to Predict the Success of Bank Telemarketing, Decision Support Systems 2014, "
    "https://doi.org/10.1016/j.dss.2014.03.001."
)
LATER = 4  # blocks that the future is told in


def card(trained: Trained[Data], version: str) -> dict[str, Any]:
    """The whole card, ready to be written as TOML."""
    fields = [each.field for each in trained.inputs]
    return {
        "name": NAME,
        "version": version,
        "purpose": (
            "Probability that a client whom nobody calls would have bought. Where it is small nobody calls; everything "
            "else is for a person to decide."
        ),
        "limits": LIMITS,
        "model": model_file(trained),
        "routing": _routing(),
        "reference": _reference(trained),
        "explaining": {
            "approve_pairs": 0,
            "review_pairs": 1,
            "orders": [random.Random(SEED).sample(fields, len(fields))],
        },
        "inputs": declared(trained.inputs),
        "together": [msgspec.to_builtins(pair) for pair in trained.together],
        "data": {
            "name": "Bank Marketing",
            "reference": "https://doi.org/10.24432/C5K306",
            "licence": "CC BY 4.0, https://creativecommons.org/licenses/by/4.0/",
            "attribution": ATTRIBUTION,
            "sha256": trained.data.sha256,
            "rows": len(trained.data.bad),
            "rows_held_out": int(trained.held_out.sum()),
            "attributes_never_inputs": "age, marital; duration, which is known only after the call",
        },
        "metrics": _metrics(trained),
        "fairness": {
            "how": "Rows and scores as in metrics.routes. Attributes of the groups are no inputs.",
            "groups": fairness(
                ((name, members & trained.held_out) for name, members in trained.data.groups.items()),
                trained.approved,
                trained.data.bad,
            ),
        },
        "training": {
            "script": f"python -m {CODE}.train",
            "seed": SEED,
            "chosen_by": f"one candidate; log loss over {FOLDS} blocks in time of the rows that are not held out",
            "packages": packages(),
            "candidates": trained.tried,
        },
    }


def _routing() -> dict[str, Any]:
    return {
        "approve_below": APPROVE_BELOW,
        "route": ROUTE,
        "cost_bad": COST_BAD,
        "cost_review": COST_REVIEW,
        "how_chosen": (
            "Cost of a call by cost of a client who would have bought, both assumed. Who is skipped is what the "
            "certificate says, up to here."
        ),
    }


def _reference(trained: Trained[Data]) -> dict[str, Any]:
    learnt = [request for request, out in zip(trained.data.requests, trained.held_out.tolist(), strict=True) if not out]
    how_chosen = "Median of each number and commonest code over the rows that it was trained on."
    return reference(trained, learnt, "usual-client/1", how_chosen)


def _metrics(trained: Trained[Data]) -> dict[str, Any]:
    out, scores, sold, whole = trained.held_out, trained.unseen_scores, trained.data.bad, trained.data.whole
    assert whole is not None
    rows, known = whole.rows(), len(sold)
    later = onnx_scores(trained.model, rows[known:])
    blocks = np.array_split(np.arange(len(later)), LATER)
    return {
        "how": (
            "auc: models of this kind, trained on 80 % of all rows, measured on the rest. out_of_fold: blocks in time "
            "of the rows that it was trained on. held_out: the model itself on the block in time that came next, the "
            "one it was certified on. later: the model itself on what came after that, block by block, at the loosest "
            "threshold that may be certified."
        ),
        "auc": aucs(rows, whole.bad),
        "out_of_fold": quality(scores[~out], sold[~out]),
        "held_out": quality(scores[out], sold[out]),
        "routes": route_quality(trained.approved[out], sold[out]),
        "later": [
            {"auc": figure(roc_auc_score(bad, found)), **route_quality(found < APPROVE_BELOW, bad)}
            for found, bad in ((later[block], whole.bad[known:][block]) for block in blocks)
        ],
    }
