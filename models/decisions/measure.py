"""How good a model is, as figures for its card. All of them are for scores that the model gave to rows it had not
seen.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]

CALIBRATION_BINS = 10


def quality(scores: Scores, bad: Flags) -> dict[str, float | int]:
    """Discrimination and calibration."""
    slope, intercept = _calibration_line(scores, bad)
    return {
        "rows": len(bad),
        "bad_share": figure(bad.mean()),
        "mean_score": figure(scores.mean()),
        "auc": figure(roc_auc_score(bad, scores)),
        "log_loss": figure(log_loss(bad, scores)),
        "brier": figure(brier_score_loss(bad, scores)),
        "calibration_error": figure(_calibration_error(scores, bad)),
        "calibration_slope": figure(slope),
        "calibration_intercept": figure(intercept),
    }


def route_quality(approved: Flags, bad: Flags) -> dict[str, float | int]:
    """What the routes do: how many are approved, how many of those go bad, how many good ones wait for a person."""
    return {
        "rows": len(bad),
        "bad_share": figure(bad.mean()),
        "approved_share": figure(approved.mean()),
        "bad_among_approved": _share(bad[approved]),
        "good_sent_to_review": _share(~approved[~bad]),
    }


def fairness(groups: Iterable[tuple[str, Flags]], approved: Flags, bad: Flags) -> list[dict[str, str | float | int]]:
    """The route's figures for each group; the attribute that makes the group is no input of the model."""
    return [
        {"group": name, **route_quality(approved[members], bad[members])} for name, members in groups if members.any()
    ]


def figure(value: float) -> float:
    """A figure as the card states it."""
    return round(float(value), 4)


def _share(flags: Flags) -> float:
    return figure(flags.mean()) if len(flags) else 0.0


def _calibration_line(scores: Scores, bad: Flags) -> tuple[float, float]:
    """Slope and intercept of the true log odds over the model's; 1 and 0 are perfect."""
    odds = np.log(scores / (1 - scores)).reshape(-1, 1)
    line = LogisticRegression(C=1e6, max_iter=1_000).fit(odds, bad)
    return float(line.coef_[0, 0]), float(line.intercept_[0])


def _calibration_error(scores: Scores, bad: Flags) -> float:
    """Mean gap between score and share of bad cases over bins of equal size."""
    bins = np.array_split(np.argsort(scores, kind="stable"), CALIBRATION_BINS)
    return float(sum(len(b) * abs(scores[b].mean() - bad[b].mean()) for b in bins) / len(bad))
