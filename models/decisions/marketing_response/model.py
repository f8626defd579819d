"""How the marketing response model comes about: on the oldest calls, certified on the block that came right after.

The first 40 % of the calls, in the order of time, train it; the next 20 % are the latest that were known when it was
certified; the rest is the future, which has no part in it. There is one candidate, that of `drift`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold, cross_val_predict
from threadpoolctl import threadpool_limits

from models.decisions.marketing_response.data import Data, declared_inputs
from models.decisions.measure import Flags, figure
from models.decisions.training import Choice, Trained, finished
from models.serving.features import Row
from models.serving.predict import SCORE_DECIMALS

SEED = 2008
TRAIN, CERTIFY = 0.4, 0.6  # of all calls, the oldest first
FOLDS = 5
COST_BAD = 2.0  # of a client who would have bought and was not called; a policy of this demonstration
COST_REVIEW = 1.0  # of a call
APPROVE_BELOW = round(COST_REVIEW / COST_BAD, SCORE_DECIMALS)
TARGET = 0.08  # of those who would have bought among those not called, far below the break-even
DELTA = 0.05
KIND = "gradient boosted trees, 200 rounds of 15 leaves at 0.03"


def trees() -> Any:
    """The kind of model."""
    return HistGradientBoostingClassifier(
        max_iter=200,
        max_leaf_nodes=15,
        learning_rate=0.03,
        min_samples_leaf=20,
        l2_regularization=5.0,
        early_stopping=False,
        random_state=0,
    )


def train(data: Data) -> Trained[Data]:
    """See `finished`. Cases are not compared with pairs of numbers that lay together: those of the economy move."""
    known = data.first(int(CERTIFY * len(data.bad)))
    held_out: Flags = np.arange(len(known.bad)) >= int(TRAIN * len(data.bad))
    with threadpool_limits(limits=1):  # so that the bytes do not hang on the number of cores
        return finished(
            known, known.requests, declared_inputs(), held_out, _choose, loosest=APPROVE_BELOW, seed=SEED, pairs=False
        )


def _choose(rows: Row, bad: Flags) -> Choice:
    """Folds are blocks in time."""
    unseen = cross_val_predict(trees(), rows, bad, cv=KFold(FOLDS), method="predict_proba")[:, 1]
    return Choice(KIND, trees, [{"candidate": KIND, "log_loss": figure(log_loss(bad, unseen))}], unseen)
