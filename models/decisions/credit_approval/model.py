"""How the credit approval model comes about: split, choose, train, convert.

The rows are split once, stratified, by the seed: 5,000 are held out and used once, to measure and to certify the model;
all others choose and train it. The kind of model is chosen by cross-validated log loss among the others, no row is
reweighted, so that the score stays a probability. The loosest threshold that may be certified follows from the costs,
the stricter ones are quantiles of scores of the others.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, cross_val_predict, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from models.decisions.credit_approval.data import COLUMNS, Data, Flags
from models.decisions.measure import figure
from models.decisions.training import Choice, Trained, finished
from models.serving.features import Number, Row
from models.serving.predict import SCORE_DECIMALS

SEED = 2009
HELD_OUT = 5_000
FOLDS = 5
COST_BAD = 3.0  # of a client who does not pay; a policy of this demonstration, the data says nothing of costs
COST_REVIEW = 1.0
APPROVE_BELOW = round(COST_REVIEW / COST_BAD, SCORE_DECIMALS)
TARGET = 0.12  # of bad ones among the approved, far below the break-even
DELTA = 0.05
THRESHOLDS = 60  # more than usual: there are labels enough to tell them apart, and only the starts share delta


def _trees(rounds: int, leaves: int, rate: float) -> Any:
    return HistGradientBoostingClassifier(
        max_iter=rounds,
        max_leaf_nodes=leaves,
        learning_rate=rate,
        min_samples_leaf=40,
        l2_regularization=5.0,
        early_stopping=False,
        random_state=0,
    )


def _logistic() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2_000))


ALL: dict[str, Callable[[], Any]] = {
    "logistic regression, C=0.1": _logistic,
    **{
        f"gradient boosted trees, {rounds} rounds of {leaves} leaves at {rate}": partial(_trees, rounds, leaves, rate)
        for rounds, leaves, rate in ((150, 8, 0.05), (100, 16, 0.06))
    },
}


def train(data: Data) -> Trained[Data]:
    """See `finished`."""
    held_out = held_out_rows(data)
    inputs = declared_inputs([each for each, out in zip(data.requests, held_out.tolist(), strict=True) if not out])
    with threadpool_limits(limits=1):  # so that the bytes do not hang on the number of cores
        return finished(
            data, data.requests, inputs, held_out, _choose, loosest=APPROVE_BELOW, seed=SEED, count=THRESHOLDS
        )


def held_out_rows(data: Data) -> Flags:
    """Rows that have no part in the model; a quarter where there are few."""
    out = min(HELD_OUT, len(data.bad) // 4)
    _, kept = train_test_split(np.arange(len(data.bad)), test_size=out, stratify=data.bad, random_state=SEED)
    held: Flags = np.isin(np.arange(len(data.bad)), kept)
    return held


def declared_inputs(requests: list[dict[str, Any]]) -> tuple[Number, ...]:
    """Inputs of the model; the ranges are those of `requests`."""

    def declare(field: str, label: str) -> Number:
        values = [float(request[field]) for request in requests]
        return Number(field, label, min(values), max(values), whole=True)

    return tuple(declare(column.field, column.label) for column in COLUMNS)


def _choose(rows: Row, bad: Flags) -> Choice:
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    unseen = {
        name: cross_val_predict(make(), rows, bad, cv=folds, method="predict_proba")[:, 1] for name, make in ALL.items()
    }
    tried: list[dict[str, Any]] = [
        {"candidate": name, "log_loss": figure(log_loss(bad, scores))} for name, scores in unseen.items()
    ]
    tried.sort(key=lambda each: each["log_loss"])
    chosen = str(tried[0]["candidate"])
    return Choice(chosen, ALL[chosen], tried, unseen[chosen])
