"""How the credit approval model comes about: split, choose, train, convert.

The rows are split once, stratified, by the seed: 5,000 are held out and used once, to measure and to certify the model;
all others choose and train it. The kind of model is chosen by cross-validated log loss among the others, no row is
reweighted, so that the score stays a probability. The loosest threshold that may be certified follows from the costs,
the stricter ones are quantiles of scores of the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
from models.decisions.measure import Scores, figure
from models.decisions.onnx_export import check_parity, export, onnx_scores, parity_cases
from models.making.certification import thresholds
from models.serving.features import Encoder, Number, Row
from models.serving.predict import SCORE_DECIMALS
from models.serving.together import Company, Pair, pairs_of

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


@dataclass(frozen=True)
class Trained:
    """A finished model with all that its card tells. Arrays run over the rows of the data."""

    data: Data
    model: bytes
    inputs: tuple[Number, ...]
    tried: list[dict[str, Any]]
    chosen: str
    parity_gap: float
    held_out: Flags
    unseen_scores: Scores  # by the model itself where held out, else by one that was trained without the row
    readable: Flags  # rows that nothing holds back, so that their score decides
    grid: list[float]
    together: tuple[Pair, ...]
    parity: list[dict[str, Any]]

    @property
    def approved(self) -> Flags:
        """The routes at the loosest threshold that may be certified."""
        taken: Flags = (np.round(self.unseen_scores, SCORE_DECIMALS) < APPROVE_BELOW) & self.readable
        return taken


def train(data: Data) -> Trained:
    """Chooses, trains and converts; raises ValueError if the ONNX model decides other than the native one."""
    with threadpool_limits(limits=1):  # so that the bytes do not hang on the number of cores
        return _train(data)


def _train(data: Data) -> Trained:
    held_out = held_out_rows(data)
    learn = [request for request, out in zip(data.requests, held_out.tolist(), strict=True) if not out]
    inputs = declared_inputs(learn)
    encoder = Encoder(inputs)
    rows: Row = np.concatenate([encoder.encode(request) for request in data.requests])
    tried, chosen, unseen = _choose(rows[~held_out], data.bad[~held_out])
    native = ALL[chosen]().fit(rows[~held_out], data.bad[~held_out])
    model = export(native, encoder.width)
    scores = onnx_scores(model, rows)
    gap = check_parity(native.predict_proba(rows)[:, 1], scores, APPROVE_BELOW)
    scores[~held_out] = unseen
    together = pairs_of(inputs, learn)
    company = Company(together, {each.field: each.label for each in inputs})
    readable = np.array([not (encoder.beyond(one) or company.unlike(one)) for one in data.requests])
    grid = thresholds(scores[~held_out & readable].tolist(), APPROVE_BELOW, THRESHOLDS)
    parity = parity_cases(encoder, native, SEED)
    return Trained(data, model, inputs, tried, chosen, gap, held_out, scores, readable, grid, together, parity)


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


def _choose(rows: Row, bad: Flags) -> tuple[list[dict[str, Any]], str, Scores]:
    """What every candidate reached, best first, the best one, and its scores of rows that it had not seen."""
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    unseen = {
        name: cross_val_predict(make(), rows, bad, cv=folds, method="predict_proba")[:, 1] for name, make in ALL.items()
    }
    tried: list[dict[str, Any]] = [
        {"candidate": name, "log_loss": figure(log_loss(bad, scores))} for name, scores in unseen.items()
    ]
    tried.sort(key=lambda each: each["log_loss"])
    chosen = str(tried[0]["candidate"])
    return tried, chosen, unseen[chosen]
