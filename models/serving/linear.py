"""Why a score of a linear model is what it is: the reasons of `explain`, from the coefficients and without asking it.

A card may state the coefficients of its model. What each field moves the score by, in every order of the card, then
follows from them, to the last digit that is told. That they are those of the model
is checked whenever it is loaded. Whether a version explains so stands in its card, and so never changes: what is on
record can be computed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import tanh
from operator import mul, sub

import msgspec
import numpy as np

from models.serving.explain import Contribution, Scores, size_of
from models.serving.features import Code, Encoder, Number, Row

_TOLD = 1e9  # 9 decimals: beyond, the order of additions shows; equal fields come out as exactly nothing


class Linear(msgspec.Struct, frozen=True):
    """The coefficients of a model, one for each column: of the log odds of a binary one, of a number itself."""

    intercept: float
    coefficients: tuple[float, ...]

    def scores(self, rows: Row, *, odds: bool) -> Scores:
        """What the model has to say of rows if these are its coefficients."""
        numbers: Scores = rows.astype(np.float64) @ np.array(self.coefficients) + self.intercept
        return 0.5 + 0.5 * np.tanh(numbers / 2) if odds else numbers


class ClosedExplainer:
    """Explains as `explain.Explainer` would with infinite digits. Field by field, since most columns are those of codes
    that the case does not have.
    """

    def __init__(
        self, encoder: Encoder, reference: Row, orders: Sequence[Sequence[str]], linear: Linear, *, odds: bool
    ) -> None:
        self._fields = [i.field for i in encoder.inputs]
        usual = [float(number) for number in reference[0]]
        scale = 0.5 if odds else 1.0  # half the log odds, for the tanh; that loses no digit
        self._single: list[tuple[int, int, float, float]] = []  # field, column, coefficient, number in the profile
        self._coded: list[tuple[int, int, int]] = []  # field, columns
        self._moves = [0.0] * encoder.width  # by the column of a code, against the code in the profile
        self._counted: list[tuple[int, slice, list[float], list[float]]] = []
        for at, (declared, columns) in enumerate(zip(encoder.inputs, encoder.columns, strict=True)):
            weights, profile = [weight * scale for weight in linear.coefficients[columns]], usual[columns]
            if isinstance(declared, Number):
                self._single.append((at, columns.start, weights[0], profile[0]))
            elif isinstance(declared, Code):
                self._coded.append((at, columns.start, columns.stop))
                self._moves[columns] = [weight - weights[profile.index(1.0)] for weight in weights]
            else:
                self._counted.append((at, columns, weights, profile))
        self._odds = odds
        self._start = (linear.intercept + sum(map(mul, linear.coefficients, usual))) / 2
        ways = [[self._fields.index(field) for field in order] for order in orders]
        self._ways = [way for order in ways for way in (order, order[::-1])]
        self._share = 0.5 / len(self._ways)
        self._unmoved = {field: Contribution(field, 0.0) for field in self._fields}

    def explain(self, row: Row, score: object = None) -> list[Contribution]:
        """One contribution for each field, the largest first; the model is not asked."""
        amounts = self._amounts(row[0].tolist())
        if self._odds:
            amounts = self._moves_of(amounts)
        moved, unmoved = [], []
        for field, amount in zip(self._fields, amounts, strict=True):
            if amount and (told := round(amount * _TOLD)):
                moved.append(Contribution(field, told / _TOLD))
            else:
                unmoved.append(self._unmoved[field])
        moved.sort(key=size_of)
        return moved + unmoved

    def _moves_of(self, amounts: list[float]) -> list[float]:
        """What each field moves the probability by, the mean over all orders; one as in the profile moves nothing."""
        moved = [0.0] * len(amounts)
        for way in self._ways:
            at = self._start
            before = tanh(at)
            for field in way:
                if amount := amounts[field]:
                    at += amount
                    after = tanh(at)
                    moved[field] += after - before
                    before = after
        return [move * self._share for move in moved]

    def _amounts(self, cells: list[float]) -> list[float]:
        """What each field moves half the log odds by, or the number itself."""
        amounts = [0.0] * len(self._fields)
        for at, column, weight, usual in self._single:
            amounts[at] = weight * (cells[column] - usual)
        for at, first, end in self._coded:
            amounts[at] = self._moves[cells.index(1.0, first, end)]
        for at, columns, weights, profile in self._counted:
            amounts[at] = sum(map(mul, weights, map(sub, cells[columns], profile)))
        return amounts


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
