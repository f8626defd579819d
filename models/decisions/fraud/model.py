"""How the card fraud model comes about: on fifty days of simulated payments, certified on the month after.

There is one candidate, that of `floors`, where it is compared with the same model without rolling features.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold, cross_val_predict
from threadpoolctl import threadpool_limits

from models.decisions.fraud.data import Data, declared_inputs, increasing
from models.decisions.fraud.simulator import World
from models.decisions.measure import Flags, figure
from models.decisions.training import Choice, Trained, finished
from models.serving.features import Row
from models.serving.predict import SCORE_DECIMALS

SEED = 2026
WORLD = World(seed=SEED, fraud=0.025, customers=1_000, terminals=600)
FOLDS = 3
COST_BAD = 50.0  # of a fraud that is paid; a policy of this demonstration
COST_REVIEW = 1.0  # of a payment that a person looks at
APPROVE_BELOW = round(COST_REVIEW / COST_BAD, SCORE_DECIMALS)
TARGET = 0.005  # of frauds among what is paid at once, below the break-even
DELTA = 0.05
KIND = "gradient boosted trees, 200 rounds of 15 leaves at 0.05, never falling with known frauds and large amounts"


def trees(increasing: Sequence[int]) -> Any:
    """The kind of model; `increasing` has 1 for each column with which the score never falls."""
    return HistGradientBoostingClassifier(
        max_iter=200,
        max_leaf_nodes=15,
        learning_rate=0.05,
        min_samples_leaf=40,
        l2_regularization=5.0,
        monotonic_cst=list(increasing),
        early_stopping=False,
        random_state=0,
    )


def train(data: Data) -> Trained[Data]:
    """See `finished`. Cases are not compared with pairs of numbers that lay together: what is new is for the model."""
    with threadpool_limits(limits=1):  # so that the bytes do not hang on the number of cores
        return finished(
            data, data.requests, declared_inputs(), data.held_out, _choose,
            loosest=APPROVE_BELOW, seed=SEED, pairs=False,
        )  # fmt: skip


def _choose(rows: Row, bad: Flags) -> Choice:
    """Folds are blocks in time."""

    def make() -> Any:
        return trees(increasing())

    unseen = cross_val_predict(make(), rows, bad, cv=KFold(FOLDS), method="predict_proba")[:, 1]
    return Choice(KIND, make, [{"candidate": KIND, "log_loss": figure(log_loss(bad, unseen))}], np.asarray(unseen))
