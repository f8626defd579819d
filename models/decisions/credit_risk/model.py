"""How the credit risk model comes about: split, choose, train, convert, certify.

The rows are split once, stratified, by the seed: 60 % choose and train the model, 40 % are held out and used once,
to measure and to certify it. The kind of model is chosen by cross-validated log loss within the training part. No
case is reweighted, so that the score stays a probability; the price of errors enters by the threshold only. The loosest
threshold that may be certified follows from the costs, the stricter ones are quantiles of the training part's scores.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from models.decisions.credit_risk import candidates
from models.decisions.credit_risk.data import COLUMNS, Column, from_german_row, went_bad
from models.decisions.measure import Flags
from models.decisions.training import Choice, Trained, finished
from models.serving.features import Code, Input, Number, Row
from models.serving.predict import SCORE_DECIMALS

SEED = 1994
HELD_OUT_SHARE = 0.4
COST_BAD = 5.0  # the data's own: accepting a bad applicant costs 5 times what refusing a good one does
COST_REVIEW = 1.0  # of a case that a person looks at: no more, since one could refuse instead
BREAK_EVEN = COST_REVIEW / COST_BAD  # probability at which approving costs what a review costs
APPROVE_BELOW = round(BREAK_EVEN, SCORE_DECIMALS)
TARGET = 0.15  # of bad ones among the approved: below the break-even, so that approving pays also on average
DELTA = 0.05


@dataclass(frozen=True)
class Data:
    """The rows in the order of the file."""

    sha256: str
    lines: tuple[str, ...]
    applications: tuple[dict[str, Any], ...]
    bad: Flags

    @classmethod
    def read(cls, path: Path) -> Data:
        """The data of a file; raises ValueError for a row that is none of the German credit data."""
        raw = path.read_bytes()
        lines = tuple(raw.decode("ascii").splitlines())
        bad = np.array([went_bad(line) for line in lines])
        return cls(hashlib.sha256(raw).hexdigest(), lines, tuple(from_german_row(line) for line in lines), bad)


def train(data: Data) -> Trained[Data]:
    """See `finished`."""
    learn, kept = train_test_split(
        np.arange(len(data.bad)), test_size=HELD_OUT_SHARE, stratify=data.bad, random_state=SEED
    )
    held_out = np.isin(np.arange(len(data.bad)), kept)
    inputs = declared_inputs([data.applications[n] for n in sorted(learn)])
    return finished(data, data.applications, inputs, held_out, _choose, loosest=APPROVE_BELOW, seed=SEED)


def _choose(rows: Row, bad: Flags) -> Choice:
    tried, name = candidates.choose(rows, bad, SEED)
    return Choice(name, candidates.ALL[name], tried, candidates.out_of_fold(name, rows, bad, SEED))


def declared_inputs(applications: Sequence[dict[str, Any]]) -> tuple[Input, ...]:
    """Inputs of the model; the ranges of numbers are those of `applications`."""

    def declare(column: Column) -> Input:
        field, label = column.field, column.label
        if column.codes:
            return Code(field, label, column.codes, texts=dict(zip(column.codes, column.texts, strict=True)))
        values = [float(a[field]) for a in applications]
        return Number(field, label, min(values), max(values), whole=all(value.is_integer() for value in values))

    return tuple(map(declare, COLUMNS))
