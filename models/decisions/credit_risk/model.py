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
from models.decisions.credit_risk.data import COLUMNS, from_german_row, went_bad
from models.decisions.measure import Flags, Scores
from models.decisions.onnx_export import check_parity, export, onnx_scores, parity_cases
from models.making.certification import thresholds
from models.serving.features import Code, Encoder, Input, Number, Row
from models.serving.predict import SCORE_DECIMALS
from models.serving.together import Company, Pair, pairs_of

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


@dataclass(frozen=True)
class Trained:
    """A finished model with all that its card tells. Arrays run over the rows of the data."""

    data: Data
    model: bytes
    inputs: tuple[Input, ...]
    tried: list[dict[str, Any]]
    chosen: str
    parity_gap: float
    held_out: Flags
    unseen_scores: (
        Scores  # by the model itself where held out, by cross-validation elsewhere: never by a model that saw the row
    )
    readable: Flags  # rows that nothing holds back, so that their score decides
    grid: list[float]  # thresholds that may be certified, from strict to loose
    together: tuple[Pair, ...]
    parity: list[dict[str, Any]]

    @property
    def approved(self) -> Flags:
        """The routes at the loosest threshold that may be certified."""
        return self.below(APPROVE_BELOW)

    def below(self, threshold: float) -> Flags:
        """Which rows take the route at a threshold."""
        taken: Flags = (np.round(self.unseen_scores, SCORE_DECIMALS) < threshold) & self.readable
        return taken


def train(data: Data) -> Trained:
    """Chooses, trains, converts and certifies; raises ValueError if the ONNX model decides other than the native."""
    learn, kept = train_test_split(
        np.arange(len(data.bad)), test_size=HELD_OUT_SHARE, stratify=data.bad, random_state=SEED
    )
    held_out = np.isin(np.arange(len(data.bad)), kept)
    inputs = declared_inputs([data.applications[n] for n in sorted(learn)])
    encoder = Encoder(inputs)
    rows: Row = np.concatenate([encoder.encode(a) for a in data.applications])
    tried, chosen = candidates.choose(rows[~held_out], data.bad[~held_out], SEED)
    native = candidates.ALL[chosen]().fit(rows[~held_out], data.bad[~held_out])
    model = export(native, encoder.width)
    scores = onnx_scores(model, rows)
    gap = check_parity(native.predict_proba(rows)[:, 1], scores, APPROVE_BELOW)
    scores[~held_out] = candidates.out_of_fold(chosen, rows[~held_out], data.bad[~held_out], SEED)
    together = pairs_of(inputs, [data.applications[n] for n in sorted(learn)])
    company = Company(together, {i.field: i.label for i in inputs})
    readable = np.array([not (encoder.beyond(a) or company.unlike(a)) for a in data.applications])
    grid = thresholds(scores[~held_out & readable].tolist(), APPROVE_BELOW)
    parity = parity_cases(encoder, native, SEED)
    return Trained(data, model, inputs, tried, chosen, gap, held_out, scores, readable, grid, together, parity)


def declared_inputs(applications: Sequence[dict[str, Any]]) -> tuple[Input, ...]:
    """Inputs of the model; the ranges of numbers are those of `applications`."""

    def declare(field: str, label: str, codes: tuple[str, ...]) -> Input:
        if codes:
            return Code(field, label, codes)
        values = [float(a[field]) for a in applications]
        return Number(field, label, min(values), max(values), whole=all(value.is_integer() for value in values))

    return tuple(declare(c.field, c.label, c.codes) for c in COLUMNS)
