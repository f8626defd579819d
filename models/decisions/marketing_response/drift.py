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
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from models.decisions.marketing_response.data import Data
from models.decisions.marketing_response.model import DELTA, TARGET, train, trees
from models.decisions.measure import Flags
from models.decisions.onnx_export import onnx_scores
from models.serving.certify import learn_then_test
from models.serving.features import Row
from models.watching.detector import first_alarm

AUDITED = 0.05
RUNS = 200
LEVELS = (10_000.0, 50_000.0)  # of evidence at which it alarms


def trial(data: Data, runs: int = RUNS) -> dict[str, Any]:
    """What came of it. Raises ValueError where nothing was certified."""
    made = train(data)
    tested, bad = made.unseen_scores[made.held_out].tolist(), made.data.bad[made.held_out].tolist()
    threshold, test = learn_then_test(tested, bad, made.grid, TARGET, DELTA)
    if threshold is None:
        raise ValueError("nothing was certified.")
    known, rows = len(made.data.bad), data.rows()
    alone = np.flatnonzero(onnx_scores(made.model, rows[known:]) < threshold)
    wrong = data.bad[known:][alone]
    return {
        "auc": aucs(rows, data.bad),
        "certificate": {"target": TARGET, "cases": test.cases, "wrong": test.wrong, "threshold": threshold},
        "error of later fifths": [round(float(part.mean()), 3) for part in np.array_split(wrong, 5)],
        "alarms": {f"{level:.0f}": _alarms(wrong, level, runs) for level in LEVELS},
    }


def aucs(rows: Row, sold: Flags) -> dict[str, float]:
    """Of the kind of model, trained on 80 % and measured on the rest: at random, and in the order of time."""
    shuffled = np.random.default_rng(0).permutation(len(sold))
    return {"random split": _auc(rows, sold, shuffled), "split in time": _auc(rows, sold, np.arange(len(sold)))}


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


def _auc(rows: Row, sold: Flags, order: NDArray[np.int64]) -> float:
    learn, test = np.split(order, [int(0.8 * len(order))])
    with threadpool_limits(limits=1):
        fitted = trees().fit(rows[learn], sold[learn])
        return round(float(roc_auc_score(sold[test], fitted.predict_proba(rows[test])[:, 1])), 3)


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
