"""Why a score of a linear model is what it is: the reasons of `explain`, from the coefficients and without asking it.

A card may state the coefficients of its model. What each field moves the score by, in every order of the card, then
follows from them, to the last digit that is told. That they are those of the model
is checked whenever it is loaded. Whether a version explains so stands in its card, and so never changes: what is on
record can be computed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from operator import mul, sub

import numpy as np

from models.serving.coefficients import Linear
from models.serving.explain import DECIMALS, Contribution, size_of
from models.serving.features import Code, Encoder, Number, Row, Text

_TOLD = 1e9  # 9 decimals: beyond, the order of additions shows; equal fields come out as exactly nothing


class ClosedExplainer:
    """Explains as `explain.Explainer` would with infinite digits. Field by field, since most columns are those of codes
    that the case does not have.
    """

    def __init__(
        self, encoder: Encoder, reference: Row, orders: Sequence[Sequence[str]], linear: Linear, *, odds: bool
    ) -> None:
        self._fields = [i.field for i in encoder.inputs]
        self.together = not any(isinstance(i, Text) for i in encoder.inputs)  # sums of many terms hang on their order
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
        self._unmoved = {field: Contribution(field, 0.0, 0.0) for field in self._fields}
        self._profile, self._weights = np.array(usual), np.array(linear.coefficients) * scale
        self._starts = [columns.start for columns in encoder.columns]

    def explain(self, row: Row, score: object = None) -> list[Contribution]:
        """One contribution for each field, the largest first; the model is not asked."""
        amounts = self._amounts(row[0].tolist())
        if self._odds:
            amounts = self._moves_of(amounts)
        told = [round(amount * _TOLD) / _TOLD for amount in amounts]
        return self._contributions(told, [round(amount, DECIMALS) for amount in told])

    def explain_rows(self, rows: Row) -> list[list[Contribution]]:
        """The same of many rows, number by number as above: no number hangs on which other rows there are."""
        amounts = np.add.reduceat((rows - self._profile) * self._weights, self._starts, axis=1)
        if self._odds:
            moved, path = np.zeros_like(amounts), np.empty((len(rows), len(self._fields) + 1))
            for way in self._ways:
                path[:, 0], path[:, 1:] = self._start, amounts[:, way]
                reached = np.tanh(np.cumsum(path, axis=1))
                moved[:, way] += reached[:, 1:] - reached[:, :-1]
            amounts = moved * self._share
        whole = np.rint(amounts * _TOLD)
        told, short = whole / _TOLD, np.rint(whole / 1_000) / 1e6
        unsure = (np.abs(np.fmod(whole, 1_000)) == 500) | (np.abs(whole) > 1e12)  # digits beyond a double tell
        for at in np.argwhere(unsure):
            short[tuple(at)] = round(float(told[tuple(at)]), DECIMALS)
        order = np.argsort(-np.abs(told), axis=1, kind="stable")
        sorted_ = (np.take_along_axis(each, order, axis=1).tolist() for each in (told, short))
        return [*map(self._in_order, order.tolist(), np.count_nonzero(told, axis=1).tolist(), *sorted_)]

    def _in_order(self, order: list[int], moved: int, amounts: list[float], told: list[float]) -> list[Contribution]:
        fields = self._fields
        found = [Contribution(fields[at], amounts[n], told[n]) for n, at in enumerate(order[:moved])]
        return found + [self._unmoved[fields[at]] for at in order[moved:]]

    def _contributions(self, amounts: list[float], told: list[float]) -> list[Contribution]:
        triples = zip(self._fields, amounts, told, strict=True)
        moved = [Contribution(field, amount, short) for field, amount, short in triples if amount]
        moved.sort(key=size_of)
        if len(moved) < len(amounts):
            moved += [self._unmoved[field] for field, amount in zip(self._fields, amounts, strict=True) if not amount]
        return moved

    def _moves_of(self, amounts: list[float]) -> list[float]:
        """What each field moves the probability by, the mean over all orders; one as in the profile moves nothing."""
        path = [point for way in self._ways for point in accumulate((amounts[at] for at in way), initial=self._start)]
        reached = np.tanh(path).tolist()  # as for many rows: the library of C rounds some of them otherwise
        moved, step = [0.0] * len(amounts), 0
        for way in self._ways:
            for field in way:
                moved[field] += reached[step + 1] - reached[step]
                step += 1
            step += 1
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
