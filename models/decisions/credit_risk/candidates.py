"""The kinds of model that are tried, and how one is chosen: by log loss, because the score is to be a probability.

All of them minimise log loss themselves and no case is reweighted, so they need no calibration afterwards. (Where
one does, fold it into the model: the ONNX conversion of a Platt-scaled logistic regression pipeline is silently
wrong in skl2onnx 1.20.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import RepeatedStratifiedKFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from models.decisions.measure import Flags, Scores, figure
from models.serving.features import Row

FOLDS, REPEATS = 5, 4
SCALERS = {"spread": StandardScaler, "largest value": MaxAbsScaler}


def _logistic(scaler: str, c: float) -> Any:
    return make_pipeline(SCALERS[scaler](), LogisticRegression(C=c, max_iter=2_000))


def _trees(rounds: int, leaves: int, rate: float) -> Any:
    return HistGradientBoostingClassifier(
        max_iter=rounds,
        max_leaf_nodes=leaves,
        learning_rate=rate,
        min_samples_leaf=20,
        l2_regularization=5.0,
        early_stopping=False,
        random_state=0,
    )


def _all() -> Iterator[tuple[str, Callable[[], Any]]]:
    for scaler in SCALERS:
        for c in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5):
            yield f"logistic regression, C={c}, scaled by {scaler}", partial(_logistic, scaler, c)
    for rounds, leaves, rate in ((100, 4, 0.05), (150, 6, 0.03)):
        name = f"gradient boosted trees, {rounds} rounds of {leaves} leaves at {rate}"
        yield name, partial(_trees, rounds, leaves, rate)


ALL: dict[str, Callable[[], Any]] = dict(_all())


def choose(rows: Row, bad: Flags, seed: int) -> tuple[list[dict[str, Any]], str]:
    """What every candidate reached, best first, and the name of the best."""
    folds = list(RepeatedStratifiedKFold(n_splits=FOLDS, n_repeats=REPEATS, random_state=seed).split(rows, bad))
    tried: list[dict[str, Any]] = [
        {"candidate": name, **_cross_validated(make, rows, bad, folds)} for name, make in ALL.items()
    ]
    tried.sort(key=lambda result: result["log_loss"])
    return tried, tried[0]["candidate"]


def out_of_fold(name: str, rows: Row, bad: Flags, seed: int) -> Scores:
    """Scores of rows, each by a model of this kind that was trained on nine tenths without it."""
    folds = StratifiedKFold(10, shuffle=True, random_state=seed)
    scores: Scores = cross_val_predict(ALL[name](), rows, bad, cv=folds, method="predict_proba")[:, 1]
    return scores


def _cross_validated(make: Callable[[], Any], rows: Row, bad: Flags, folds: list[Any]) -> dict[str, float]:
    losses, areas = [], []
    for learn, test in folds:
        scores = make().fit(rows[learn], bad[learn]).predict_proba(rows[test])[:, 1]
        losses.append(log_loss(bad[test], scores))
        areas.append(roc_auc_score(bad[test], scores))
    return {"log_loss": figure(float(np.mean(losses))), "auc": figure(float(np.mean(areas)))}
