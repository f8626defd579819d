"""How soon the watch finds that the cases of a model change: `python -m models.decisions.marketing_response.drift`.

The first 40 % of the calls, in the order of time, train a model that says which clients need not be called; the next
20 % certify that at most 8 % of those would have bought. Then the remaining calls come in time order, a random 5 % of
what it decides alone is audited, and the e-detector is told. In each of the runs others are drawn.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from models.decisions.marketing_response.data import Data
from models.making.certification import thresholds
from models.serving.certify import learn_then_test
from models.watching.detector import first_alarm

TRAIN, CERTIFY = 0.4, 0.6
TARGET, DELTA = 0.08, 0.05
LOOSEST = 0.5
AUDITED = 0.05
RUNS = 200
LEVELS = (10_000.0, 50_000.0)  # of evidence at which it alarms

Scores = NDArray[np.float64]


def trial(data: Data, runs: int = RUNS) -> dict[str, Any]:
    """What came of it. Raises ValueError where nothing was certified."""
    with threadpool_limits(limits=1):
        train, certify = int(TRAIN * len(data.sold)), int(CERTIFY * len(data.sold))
        model = _trees().fit(data.rows[:train], data.sold[:train])
        scores: Scores = model.predict_proba(data.rows)[:, 1]
        tested = scores[train:certify].tolist()
        grid = thresholds(scores[:train].tolist(), LOOSEST)
        threshold, test = learn_then_test(tested, data.sold[train:certify].tolist(), grid, TARGET, DELTA)
        if threshold is None:
            raise ValueError("nothing was certified.")
        alone = np.flatnonzero(scores[certify:] < threshold)
        wrong = data.sold[certify:][alone]
        return {
            "auc": {"random split": _auc(data, _shuffled(data)), "split in time, 80 % to 20 %": _auc(data, None)},
            "certificate": {"target": TARGET, "cases": test.cases, "wrong": test.wrong, "threshold": threshold},
            "error of later fifths": [round(float(part.mean()), 3) for part in np.array_split(wrong, 5)],
            "alarms": {f"{level:.0f}": _alarms(wrong, level, runs) for level in LEVELS},
        }


def _alarms(wrong: NDArray[np.bool_], level: float, runs: int) -> dict[str, Any]:
    audits, decisions = [], []
    for seed in range(runs):
        drawn = np.flatnonzero(np.random.default_rng(seed).random(len(wrong)) < AUDITED)
        number = first_alarm(wrong[drawn].tolist(), TARGET, level)
        if number is not None:
            audits.append(number)
            decisions.append(int(drawn[number - 1]) + 1)
    medians = {"audits": audits, "decisions": decisions}
    told = {f"median {name}": statistics.median(found) if found else None for name, found in medians.items()}
    return {"runs": runs, "alarmed": len(audits), **told}


def _auc(data: Data, order: NDArray[np.int64] | None) -> float:
    """Of trees, on the last fifth of an order; that of time unless given."""
    order = np.arange(len(data.sold)) if order is None else order
    learn, test = np.split(order, [int(0.8 * len(order))])
    trees = _trees()
    trees.fit(data.rows[learn], data.sold[learn])
    return round(float(roc_auc_score(data.sold[test], trees.predict_proba(data.rows[test])[:, 1])), 3)


def _shuffled(data: Data) -> NDArray[np.int64]:
    return np.random.default_rng(0).permutation(len(data.sold))


def _trees() -> Any:
    return HistGradientBoostingClassifier(
        max_iter=200,
        max_leaf_nodes=15,
        learning_rate=0.03,
        min_samples_leaf=20,
        l2_regularization=5.0,
        early_stopping=False,
        random_state=0,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints what came of it as JSON."""
    parser = argparse.ArgumentParser(prog="python -m models.decisions.marketing_response.drift", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the data, train.csv.gz")
    options = parser.parse_args(arguments)
    try:
        data = Data.read(options.data)
    except OSError as error:
        parser.error(f"--data {options.data}: {error.strerror or error}")
    except ValueError as error:
        parser.error(f"--data {options.data}: {error}")
    print(json.dumps(trial(data), indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
