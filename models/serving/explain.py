"""Why a score is what it is: paired-permutation Shapley values against a named reference profile.

Starting from the reference profile, the fields of the case are switched in one after the other and the model itself
is asked after each; what the score moves by is that field's contribution. Each order is also run backwards, and the
mean is taken. The contributions add up to the score minus the score of the reference, whatever the model is. Orders
are fixed in the card, so they can be recomputed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.serving.features import Encoder, Row

Scores = NDArray[np.float64]  # shape [rows]


class Contribution(msgspec.Struct, frozen=True, gc=False):
    """What one field moved the score by; positive raises it."""

    field: str
    amount: float


class Reasons:
    """The contributions to one score, worked out when they are first asked for.

    Of many cases it is dearer to alternate between scores and reasons than to take all scores first.
    """

    __slots__ = ("_found", "_work")

    def __init__(self, work: Callable[[], list[Contribution]]) -> None:
        self._work: Callable[[], list[Contribution]] | None = work
        self._found: tuple[Contribution, ...] = ()

    @property
    def contributions(self) -> tuple[Contribution, ...]:
        """The largest first."""
        if self._work is not None:
            self._found, self._work = tuple(self._work()), None
        return self._found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reasons) and self.contributions == other.contributions

    __hash__ = None  # type: ignore[assignment]


class Explainer:
    """Explains by `2 * len(orders) * (fields + 1)` rows, scored in one call."""

    def __init__(self, encoder: Encoder, reference: Row, orders: Sequence[Sequence[str]]) -> None:
        self._fields = [i.field for i in encoder.inputs]
        self._reference = reference
        switched, ranks = switched_on(self._fields, orders)
        widths = [i.width for i in encoder.inputs]
        self._switched = np.repeat(switched, widths, axis=2).reshape(-1, encoder.width)
        self._shape = switched.shape[:2]
        self._moves = np.arange(len(ranks))[:, None] * len(self._fields) + ranks  # [order, field], into all moves

    def explain(self, row: Row, score: Callable[[Row], Scores]) -> list[Contribution]:
        """One contribution for each field, the largest first (fields in the order of the declaration where equal)."""
        scores = score(np.where(self._switched, row, self._reference)).reshape(self._shape)
        moves = scores[:, 1:] - scores[:, :-1]
        amounts = moves.take(self._moves).mean(axis=0).tolist()
        return sorted(map(Contribution, self._fields, amounts), key=size_of)


def size_of(contribution: Contribution) -> float:
    """What reasons are sorted by: the largest first."""
    return -abs(contribution.amount)


def switched_on(fields: Sequence[str], orders: Sequence[Sequence[str]]) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """By order, both ways, and step: whether each field is the case's own by then; and at which step it becomes so."""
    both_ways = [o for order in orders for o in (list(order), list(reversed(order)))]
    ranks = np.array([[order.index(field) for field in fields] for order in both_ways])
    return ranks[:, None, :] < np.arange(len(fields) + 1)[None, :, None], ranks
