"""Why a score is what it is: paired-permutation Shapley values against a named reference profile.

Starting from the reference profile, the fields of the case are switched in one after the other and the model itself
is asked after each; what the score moves by is that field's contribution. Each order is also run backwards, and the
mean is taken. The contributions add up to the score minus the score of the reference, whatever the model is. Orders
are fixed in the card, so they can be recomputed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.serving.features import Encoder, Row

DECIMALS = 6  # of an amount that is told
FEW = 4  # rows; fewer are explained one by one

Scores = NDArray[np.float64]  # shape [rows]


class Contribution(msgspec.Struct, frozen=True, gc=False):
    """What one field moved the score by; positive raises it."""

    field: str
    amount: float
    told: float  # as records have it


Score = Callable[[Row], Scores]


class Explains(Protocol):
    """Says why a score is what it is."""

    together: bool  # whether `explain_rows` is cheaper for many rows, to the same bit

    def explain(self, row: Row, score: Score) -> list[Contribution]:
        """One contribution for each field, the largest first (fields in the order of the declaration where equal)."""

    def explain_rows(self, rows: Row) -> list[list[Contribution]]:
        """The same of several rows, where that does without scores."""


class Reasons:
    """The contributions to one score, worked out when they are first asked for.

    Of many cases it is dearer to alternate between scores and reasons than to take all scores first.
    """

    __slots__ = ("_explainer", "_found", "_row", "_score")

    def __init__(self, explainer: Explains, row: Row, score: Score) -> None:
        self._explainer, self._row, self._score = explainer, row, score
        self._found: list[Contribution] | None = None

    @property
    def contributions(self) -> Sequence[Contribution]:
        """The largest first."""
        if self._found is None:
            self._found = self._explainer.explain(self._row, self._score)
        return self._found

    @staticmethod
    def work_out(several: Iterable[Reasons]) -> None:
        """Works out now what can be worked out together."""
        by_explainer: dict[Explains, list[Reasons]] = {}
        for each in several:
            if each._found is None and each._explainer.together:
                by_explainer.setdefault(each._explainer, []).append(each)
        for explainer, group in by_explainer.items():
            if len(group) >= FEW:
                found = explainer.explain_rows(np.concatenate([each._row for each in group]))
                for each, contributions in zip(group, found, strict=True):
                    each._found = contributions

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reasons) and self.contributions == other.contributions

    __hash__ = None  # type: ignore[assignment]


class Explainer:
    """Explains by at most `2 * len(orders) * (fields + 1)` rows, scored in one call: a field that is as in the profile
    moves nothing, and the model is not asked about it."""

    together = False

    def __init__(self, encoder: Encoder, reference: Row, orders: Sequence[Sequence[str]]) -> None:
        self._fields = [i.field for i in encoder.inputs]
        self._reference = reference
        switched, ranks = switched_on(self._fields, orders)
        widths = [i.width for i in encoder.inputs]
        self._switched = np.repeat(switched, widths, axis=2).reshape(-1, encoder.width)
        self._starts = [columns.start for columns in encoder.columns]
        self._steps = np.argsort(ranks, axis=1)  # [order, step], the field that is switched then
        self._asked = np.ones(switched.shape[:2], dtype=np.bool_)
        self._moves = np.arange(len(ranks))[:, None] * len(self._fields) + ranks  # [order, field], into all moves

    def explain(self, row: Row, score: Score) -> list[Contribution]:
        """See `Explains`."""
        other = np.logical_or.reduceat(row[0] != self._reference[0], self._starts)
        asked = self._asked.copy()
        asked[:, 1:] = other[self._steps]
        known = asked.ravel()
        few = score(np.where(self._switched[known], row, self._reference))
        scores = few[np.cumsum(known) - 1].reshape(asked.shape)  # where nothing was switched, that of the step before
        moves = scores[:, 1:] - scores[:, :-1]
        amounts = moves.take(self._moves).mean(axis=0).tolist()
        told = [round(amount, DECIMALS) for amount in amounts]
        return sorted(map(Contribution, self._fields, amounts, told), key=size_of)

    def explain_rows(self, rows: Row) -> list[list[Contribution]]:
        """Not without scores."""
        raise NotImplementedError


def size_of(contribution: Contribution) -> float:
    """What reasons are sorted by: the largest first."""
    return -abs(contribution.amount)


def switched_on(fields: Sequence[str], orders: Sequence[Sequence[str]]) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """By order, both ways, and step: whether each field is the case's own by then; and at which step it becomes so."""
    both_ways = [o for order in orders for o in (list(order), list(reversed(order)))]
    ranks = np.array([[order.index(field) for field in fields] for order in both_ways])
    return ranks[:, None, :] < np.arange(len(fields) + 1)[None, :, None], ranks
