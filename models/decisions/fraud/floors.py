"""What rolling features are worth: `python -m models.decisions.fraud.floors`.

For three seeds, and for 0.5 % and 2.5 % of frauds, the same model with rolling features and without, and a rule without
a model (`rule`). It learns from days 30 to 79; days 80 to 86 lie between, so that every truth that it learns from was
known before the first day that it is measured on; that is days 87 to 119. 1 where the model with rolling features is
not 0.25 in AUC above the one without, or not above the rule.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score
from threadpoolctl import threadpool_limits

from models.decisions.fraud.data import LEARN, MEASURE, increasing
from models.decisions.fraud.features import PLAIN, ROLLING, plain, rolling
from models.decisions.fraud.model import trees
from models.decisions.fraud.simulator import DAY_S, Numbers, World, simulate
from models.decisions.measure import Flags, figure

SEEDS, SHARES = (1, 2, 3), (0.005, 0.025)
WORTH = 0.25


def measured(world: World) -> dict[str, Any]:
    """The line of one world."""
    payments = simulate(world)
    day, bad, itself = payments.at_s // DAY_S, payments.fraud, plain(payments)
    learn, measure = ((day >= first) & (day < end) for first, end in (LEARN, MEASURE))
    before = rolling(payments)
    scores = {
        "rolling": _scores(np.column_stack([itself, before]), bad, learn, measure, increasing()),
        "without": _scores(itself, bad, learn, measure, increasing()[: len(PLAIN)]),
        "rule": rule(itself, before)[measure],
    }
    truth = bad[measure]
    auc = {name: figure(roc_auc_score(truth, each)) for name, each in scores.items()}
    precision = {name: figure(average_precision_score(truth, each)) for name, each in scores.items()}
    worth = figure(auc["rolling"] - auc["without"])
    return {
        "seed": world.seed,
        "fraud": figure(bad.mean()),
        "payments": len(bad),
        "auc": auc,
        "average_precision": precision,
        "worth": worth,
        "held": worth >= WORTH and auc["rolling"] > auc["rule"],
    }


def rule(itself: Numbers, before: Numbers) -> Numbers:
    """As people would say it: a fraud known of the last week on the card or at the terminal, or three times what is
    usually paid by the card."""
    known = before[:, [ROLLING.index(f"{key}_share_7d") for key in ("card", "terminal")]].max(axis=1)
    usual = before[:, ROLLING.index("card_amount_30d")]
    found: Numbers = known + ((usual > 0) & (itself[:, 0] > 3 * usual))
    return found


def _scores(rows: Numbers, bad: Flags, learn: Flags, measure: Flags, increasing: Sequence[int]) -> Numbers:
    with threadpool_limits(limits=1):
        found: Numbers = trees(increasing).fit(rows[learn], bad[learn]).predict_proba(rows[measure])[:, 1]
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints a line of JSON for each world."""
    parser = argparse.ArgumentParser(prog="python -m models.decisions.fraud.floors", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    options = parser.parse_args(arguments)
    held = True
    for seed in options.seeds:
        for share in SHARES:
            line = measured(World(seed=seed, fraud=share))
            print(json.dumps(line), flush=True)
            held = held and line["held"]
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
