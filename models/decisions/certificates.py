"""Whether certificates keep their word: `python -m models.decisions.certificates --german FILE --taiwan FILE`.

A model is made for every ten splits. The rows that had no part in it are taken for the whole world, so that the true
error of a band is known; what is certified is drawn from them with replacement, as new cases come. Told for each
target: how many splits certify, how many of the bands are worse than promised (at most delta of them may be, but for
chance), which share of all cases they decide (without certificate: none), and the same for the threshold that merely
looks right. MAPIE's Learn then Test has to find the same threshold in every split.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import StratifiedKFold, cross_val_predict, train_test_split
from threadpoolctl import threadpool_limits

from models.decisions.measure import Flags, Scores
from models.decisions.oracles import threshold_of_mapie
from models.making.certification import THRESHOLDS, thresholds
from models.serving.certify import STARTS, binomial_tail, learn_then_test
from models.serving.features import Encoder, Row
from models.serving.predict import SCORE_DECIMALS

DELTA = 0.05
PER_MODEL = 10
FOLDS = 3  # whose scores the thresholds are quantiles of
TARGETS = (0.10, 0.12, 0.15, 0.167)
ENOUGH = 3  # starts where labels are many; decided on other models and draws than those that are told
SURE = 0.001  # more violations than delta would give with this chance are not chance


class World(NamedTuple):
    """Rows of one data set, how a model of them is made, and how many labels a certificate is made of."""

    name: str
    rows: Row
    bad: Flags
    make: Callable[[], Any]
    labels: int
    held_out: float
    loosest: float
    thresholds: int = THRESHOLDS
    starts: int = STARTS


Modelled = tuple[Scores, Flags, list[float]]
"""Scores and labels of the rows that had no part in a model, and its thresholds, which are fixed before."""


class Split(NamedTuple):
    """What became of one split: a threshold, its true error and share of all cases, with the test and without."""

    certified: bool
    violated: bool
    coverage: float
    naive_violated: bool
    naive_coverage: float
    agreed: bool  # whether MAPIE finds the same threshold


def models(world: World, count: int) -> list[Modelled]:
    """As many models as so many splits need."""
    with threadpool_limits(limits=1):
        return [_modelled(world, number) for number in range(-(-count // PER_MODEL))]


def splits(world: World, made: Sequence[Modelled], target: float, count: int, seed: int = 1) -> Iterator[Split]:
    """The splits of a world for a target."""
    drawn = np.random.default_rng(seed)
    for number, (scores, bad, grid) in enumerate(made):
        for _ in range(min(PER_MODEL, count - number * PER_MODEL)):
            taken = drawn.integers(0, len(bad), world.labels)
            found = learn_then_test(
                scores[taken].tolist(), bad[taken].tolist(), grid, target, DELTA, world.starts
            ).threshold
            naive = _naive(scores[taken], bad[taken], grid, target)
            (error, coverage), (naive_error, naive_coverage) = (_truth(scores, bad, each) for each in (found, naive))
            other = threshold_of_mapie(scores[taken], bad[taken], grid, target, DELTA, world.starts)
            yield Split(
                found is not None, error > target, coverage, naive_error > target, naive_coverage, found == other
            )


def told(world: World, target: float, found: Sequence[Split]) -> dict[str, Any]:
    """The figures of a target; `kept` says whether the violations can be chance."""
    violated = sum(each.violated for each in found)
    return {
        "data": world.name,
        "target": target,
        "labels": world.labels,
        "splits": len(found),
        "certified": _share([each.certified for each in found]),
        "violated": _share([each.violated for each in found]),
        "coverage": _share([each.coverage for each in found]),
        "naive_violated": _share([each.naive_violated for each in found]),
        "naive_coverage": _share([each.naive_coverage for each in found]),
        "as_mapie": _share([each.agreed for each in found]),
        "kept": not violated or 1 - binomial_tail(violated - 1, len(found), DELTA) > SURE,
    }


def _modelled(world: World, number: int) -> Modelled:
    learn, kept = train_test_split(
        np.arange(len(world.bad)), test_size=world.held_out, stratify=world.bad, random_state=number
    )
    native = world.make().fit(world.rows[learn], world.bad[learn])
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=number)
    known = cross_val_predict(world.make(), world.rows[learn], world.bad[learn], cv=folds, method="predict_proba")
    scores = np.round(native.predict_proba(world.rows[kept])[:, 1], SCORE_DECIMALS)
    return scores, world.bad[kept], thresholds(known[:, 1].tolist(), world.loosest, world.thresholds)


def _naive(scores: Scores, bad: Flags, grid: Sequence[float], target: float) -> float | None:
    """The loosest threshold whose share of wrong cases looks right."""
    right = [each for each in grid if (scores < each).any() and bad[scores < each].mean() <= target]
    return max(right, default=None)


def _truth(scores: Scores, bad: Flags, threshold: float | None) -> tuple[float, float]:
    """Error and share of all cases below a threshold."""
    on_route = scores < (0.0 if threshold is None else threshold)
    return (float(bad[on_route].mean()) if on_route.any() else 0.0), float(on_route.mean())


def _share(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 3) if values else 0.0


def german(path: Path) -> World:
    """Onboarding risk; certified on 320 rows, as its committed model was."""
    from models.decisions.credit_risk import candidates
    from models.decisions.credit_risk.model import Data, declared_inputs

    data = Data.read(path)
    encoder = Encoder(declared_inputs(data.applications))
    rows: Row = np.concatenate([encoder.encode(each) for each in data.applications])
    make = candidates.ALL["logistic regression, C=0.2, scaled by largest value"]  # that of the committed model
    return World("onboarding", rows, data.bad, make, 320, 0.4, 0.5)


def taiwan(path: Path) -> World:
    """Credit approval; certified on 5,000 rows."""
    from models.decisions.credit_approval.data import Data
    from models.decisions.credit_approval.model import ALL, APPROVE_BELOW, HELD_OUT, THRESHOLDS, declared_inputs

    data = Data.read(path)
    encoder = Encoder(declared_inputs(list(data.requests)))
    rows: Row = np.concatenate([encoder.encode(each) for each in data.requests])
    make = ALL["gradient boosted trees, 100 rounds of 16 leaves at 0.06"]  # that of the committed model
    share = HELD_OUT / len(data.bad)
    return World("credit", rows, data.bad, make, HELD_OUT, share, APPROVE_BELOW, THRESHOLDS, ENOUGH)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints a line of JSON for each target; 1 where a promise is broken beyond chance, or MAPIE finds otherwise."""
    parser = argparse.ArgumentParser(prog="python -m models.decisions.certificates", description=__doc__)
    parser.add_argument("--german", type=Path, help="the German credit data")
    parser.add_argument("--taiwan", type=Path, help="the data of card clients in Taiwan, train.csv.gz")
    parser.add_argument("--splits", type=int, default=200, help="how many for each target")
    options = parser.parse_args(arguments)
    if options.splits < 1 or not (options.german or options.taiwan):
        parser.error("name the data with --german or --taiwan, and at least one split")
    kept = True
    for path, world in ((options.german, german), (options.taiwan, taiwan)):
        if path is None:
            continue
        whole = world(path)
        made = models(whole, options.splits)
        for target in TARGETS:
            line = told(whole, target, list(splits(whole, made, target, options.splits)))
            print(json.dumps(line), flush=True)
            kept = kept and line["kept"] and line["as_mapie"] == 1
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
