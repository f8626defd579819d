"""Rows that are jointly unlike the training rows: each number in its range, but not in this company.

For every pair of numbers the card holds the ellipse that all training rows lie in (a centre, and the inverse of their
covariance), on a logarithmic scale, on which a ratio such as amount by months is a plain difference. A row outside of
one is for people. Only shapes are kept, no rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import copysign, log1p
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.serving.features import Input, Number
from models.serving.held import Held, Why

ROOM = 1.25  # of the farthest training row, squared: a new row may lie a little beyond


class Pair(msgspec.Struct, frozen=True):
    """Where two numbers lie together, each as sign times log(1 + size)."""

    fields: tuple[str, str]
    centre: tuple[float, float]
    inverse: tuple[float, float, float]  # of the covariance: first, both, second
    limit: float  # of the squared distance


class Company:
    """The pairs of one model, made ready for speed."""

    def __init__(self, pairs: Sequence[Pair], labels: Mapping[str, str]) -> None:
        self._pairs, self._labels = tuple(pairs), labels
        self._fields = sorted({field for pair in pairs for field in pair.fields})
        place = {field: at for at, field in enumerate(self._fields)}
        places = [place[pair.fields[at]] for at in (0, 1) for pair in self._pairs]
        self._places = np.array(places, dtype=np.intp)  # of the first of each pair, then of the second
        self._centres = np.array([pair.centre for pair in pairs], dtype=np.float64).reshape(-1, 2).T.ravel()
        along, across, beside = np.array([pair.inverse for pair in pairs], dtype=np.float64).reshape(-1, 3).T.copy()
        self._inverses = along, 2 * across, beside
        self._limits = np.array([pair.limit for pair in pairs], dtype=np.float64)

    def unlike(self, values: Mapping[str, Any]) -> list[Held]:
        """Pairs of numbers of an encodable input that are unlike all training rows. Quick where there are none."""
        if not self._pairs:
            return []
        given = np.array([copysign(log1p(abs(values[field])), values[field]) for field in self._fields])
        apart = given[self._places] - self._centres
        first, second = apart[: len(self._pairs)], apart[len(self._pairs) :]
        along, across, beside = self._inverses
        far = along * first * first + across * first * second + beside * second * second > self._limits
        if not np.count_nonzero(far):
            return []
        return [self._held(pair) for pair, beyond in zip(self._pairs, far, strict=True) if beyond]

    def _held(self, pair: Pair) -> Held:
        names = " and ".join(f"{self._labels[field]} ({field})" for field in pair.fields)
        return Held(Why.UNLIKE, " ".join(pair.fields), f"{names}: together unlike the training data")


def pairs_of(inputs: Sequence[Input], rows: Sequence[Mapping[str, Any]]) -> tuple[Pair, ...]:
    """The pairs of the numbers among the inputs, as they lie in the training rows."""
    fields = [declared.field for declared in inputs if isinstance(declared, Number)]
    columns = {field: _scale(np.array([row[field] for row in rows], dtype=np.float64)) for field in fields}
    found = (_pair(one, other, columns[one], columns[other]) for one, other in combinations(fields, 2))
    return tuple(pair for pair in found if pair is not None)


def _pair(one: str, other: str, first: NDArray[np.float64], second: NDArray[np.float64]) -> Pair | None:
    """None where one of the two never varies: its range says it all."""
    if len(first) < 3 or first.std() == 0 or second.std() == 0:
        return None
    covariance = np.cov(first, second) + np.diag([1e-9 * first.var(), 1e-9 * second.var()])
    inverse = np.linalg.inv(covariance)
    packed = float(inverse[0, 0]), float(inverse[0, 1]), float(inverse[1, 1])
    centre = float(first.mean()), float(second.mean())
    farthest = _distances(first - centre[0], second - centre[1], np.array(packed)[:, None]).max()
    return Pair((one, other), _rounded(centre), _rounded(packed), round(float(farthest) * ROOM, 6))  # type: ignore[arg-type]


def _distances(
    first: NDArray[np.float64], second: NDArray[np.float64], inverses: NDArray[np.float64]
) -> NDArray[np.float64]:
    along, across, beside = inverses
    squared: NDArray[np.float64] = along * first * first + 2 * across * first * second + beside * second * second
    return squared


def _scale(values: NDArray[np.float64]) -> NDArray[np.float64]:
    scaled: NDArray[np.float64] = np.sign(values) * np.log1p(np.abs(values))
    return scaled


def _rounded(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(f"{value:.9g}") for value in values)
