"""Why a score of a linear model is what it is: the reasons of `explain`, from the coefficients and without asking it.

A card may state the coefficients of its model. What each field moves the score by, in every order of the card, then
follows from them in three products of small matrices, to the last digit that is told. That they are those of the model
is checked whenever it is loaded. Whether a version explains so stands in its card, and so never changes: what is on
record can be computed again.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.serving.explain import Contribution, Scores, switched_on
from models.serving.features import Encoder, Number, Row

_TOLD = 9  # decimals: beyond, the order of additions shows; equal fields come out as exactly nothing


class Linear(msgspec.Struct, frozen=True):
    """The coefficients of a model, one for each column: of the log odds of a binary one, of a number itself."""

    intercept: float
    coefficients: tuple[float, ...]

    def scores(self, rows: Row, *, odds: bool) -> Scores:
        """What the model has to say of rows if these are its coefficients."""
        numbers: Scores = rows.astype(np.float64) @ np.array(self.coefficients) + self.intercept
        return 0.5 + 0.5 * np.tanh(numbers / 2) if odds else numbers


class ClosedExplainer:
    """Explains as `explain.Explainer` would with infinite digits."""

    def __init__(
        self, encoder: Encoder, reference: Row, orders: Sequence[Sequence[str]], linear: Linear, *, odds: bool
    ) -> None:
        self._fields = [i.field for i in encoder.inputs]
        self._reference = reference[0].astype(np.float64)
        coefficients = np.array(linear.coefficients)
        self._weights = np.zeros((len(self._fields), encoder.width))
        for at, columns in enumerate(encoder.columns):
            self._weights[at, columns] = coefficients[columns]
        self._odds = odds
        if odds:
            switched, moves = switched_on(self._fields, orders)
            paths, steps, _ = switched.shape
            self._switched = switched.reshape(-1, len(self._fields)) / 2.0  # half the log odds, for the tanh
            self._start = (linear.intercept + coefficients @ self._reference) / 2
            self._gathered = np.zeros((len(self._fields), paths * steps))
            for path, field in np.ndindex(paths, len(self._fields)):
                before = path * steps + moves[path, field]
                self._gathered[field, [before, before + 1]] += np.array([-0.5, 0.5]) / paths

    def explain(self, row: Row, score: object = None) -> list[Contribution]:
        """One contribution for each field, the largest first; the model is not asked."""
        amounts: NDArray[np.float64] = self._weights @ (row[0].astype(np.float64) - self._reference)
        if self._odds:
            amounts = self._gathered @ np.tanh(self._switched @ amounts + self._start)
        told = (amounts.round(_TOLD) + 0.0).tolist()
        return sorted(map(Contribution, self._fields, told), key=_size)


def _size(contribution: Contribution) -> float:
    return -abs(contribution[1])


def probes(encoder: Encoder, reference: Row) -> Row:
    """Rows that tell whether coefficients are those of a model: one column after the other, and all together."""
    columns = np.arange(encoder.width)
    rows = np.repeat(reference, 2 * encoder.width + 2, axis=0)
    ranges = np.array([_range(i) for i in encoder.inputs for _ in range(i.width)], dtype=np.float32)
    for side in (0, 1):
        rows[2 * columns + side, columns] = ranges[:, side]
        rows[2 * encoder.width + side] = ranges[:, side]
    return rows


def _range(declared: object) -> tuple[float, float]:
    return (declared.minimum, declared.maximum) if isinstance(declared, Number) else (0.0, 1.0)
