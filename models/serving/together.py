"""Rows that are jointly unlike the training rows: each number in its range, but not in this company.

For every pair of numbers the card holds the ellipse that all training rows lie in (a centre, and the inverse of their
covariance), on a logarithmic scale, on which a ratio such as amount by months is a plain difference. A row outside of
one is for people. Only shapes are kept, no rows.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import combinations
from math import copysign, inf, isfinite, log1p, sqrt
from operator import and_, getitem, itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.serving.features import Input, Number
from models.serving.held import Held, Why
from models.serving.pair import Pair

ROOM = 1.25  # of the farthest training row, squared: a new row may lie a little beyond
SURELY = 1 - 1e-6  # of the limit: as near as this, digits could tell otherwise
_EDGES = 65  # of the cells of a number, which are one fewer
_PLACES = _EDGES + 1  # with those before the first and behind the last
_TOP = 700.0  # of the logarithmic scale; beyond, there are no numbers


class Company:
    """The pairs of one model, made ready for speed.

    The range of each number is cut into cells. Which two cells lie in the ellipse of their pair as a whole is worked
    out once, so that a case is asked only of those pairs that this leaves open.
    """

    def __init__(self, pairs: Sequence[Pair], labels: Mapping[str, str]) -> None:
        self._labels = labels
        self._places: list[tuple[Pair, tuple[int, int]]] = []  # each with the places of its numbers
        names = sorted({field for pair in pairs for field in pair.fields})
        self._picked = itemgetter(*names) if names else None  # there are two at least
        self._edges = [_edges(field, pairs) for field in names]
        self._bits = [[1 << (at * _PLACES + cell) for cell in range(_PLACES)] for at in range(len(names))]
        every, own = (1 << len(names) * _PLACES) - 1, (1 << _PLACES) - 1
        self._sure = [  # by number and its cell: bits of the cells of others that are sure, and of this one
            [every & ~(own << at * _PLACES) | cell for cell in cells] for at, cells in enumerate(self._bits)
        ]
        for pair in pairs:
            one, other = names.index(pair.fields[0]), names.index(pair.fields[1])
            self._places.append((pair, (one, other)))
            unsure = np.packbits(~_within(pair, self._edges[one], self._edges[other]), axis=1, bitorder="little")
            for cell, row in enumerate(unsure):
                self._sure[one][cell] &= ~(int.from_bytes(row.tobytes(), "little") << (other * _PLACES))

    def unlike(self, values: Mapping[str, Any]) -> list[Held]:
        """Pairs of numbers of an encodable input that are unlike all training rows. Quick where there are none."""
        if self._picked is None:
            return []
        cells = [*map(bisect, self._edges, map(float, self._picked(values)))]
        if reduce(and_, map(getitem, self._sure, cells)).bit_count() == len(cells):  # each cell by all numbers
            return []
        sure = [mask[cell] for mask, cell in zip(self._sure, cells, strict=True)]
        asked = (pair for pair, (one, other) in self._places if not sure[one] & self._bits[other][cells[other]])
        return [self._held(pair) for pair in asked if _far(pair, values)]

    def _held(self, pair: Pair) -> Held:
        names = " and ".join(f"{self._labels[field]} ({field})" for field in pair.fields)
        return Held(Why.UNLIKE, " ".join(pair.fields), f"{names}: together unlike the training data")


def _far(pair: Pair, values: Mapping[str, Any]) -> bool:
    one, other = (values[field] for field in pair.fields)
    first = copysign(log1p(abs(one)), one) - pair.centre[0]
    second = copysign(log1p(abs(other)), other) - pair.centre[1]
    along, across, beside = pair.inverse
    return along * first * first + 2 * across * first * second + beside * second * second > pair.limit


def _edges(field: str, pairs: Sequence[Pair]) -> list[float]:
    """Where the cells of a number end, as far as an ellipse reaches; where there is none, nothing is ever sure."""
    reach = [(pair.centre[at], _reach(pair, at)) for pair in pairs for at in (0, 1) if pair.fields[at] == field]
    ends = [centre + way * far for centre, far in reach for way in (-1, 1) if 0 < far < inf and isfinite(centre)]
    if not ends:
        return [0.0] * _EDGES
    scaled = np.linspace(min(ends), max(ends), _EDGES)
    edges: list[float] = (np.sign(scaled) * np.expm1(np.minimum(np.abs(scaled), _TOP))).tolist()
    return edges


def _reach(pair: Pair, at: int) -> float:
    """How far from its centre an ellipse reaches along one of its numbers."""
    along, across, beside = pair.inverse
    whole = along * beside - across * across
    return sqrt(pair.limit * (along, beside)[1 - at] / whole) if whole > 0 < pair.limit and along > 0 else 0.0


def _within(pair: Pair, first: Sequence[float], second: Sequence[float]) -> NDArray[np.bool_]:
    """Of each two cells whether all that lies in them is surely in the ellipse: their corners are, and it has no dents.

    The places before the first edge and behind the last have no end, and are not.
    """
    inverse = np.array(pair.inverse)[:, None]
    corners = (
        _distances(
            np.repeat(_scale(np.array(first)) - pair.centre[0], len(second)),
            np.tile(_scale(np.array(second)) - pair.centre[1], len(first)),
            inverse,
        )
        < pair.limit * SURELY
    ).reshape(len(first), len(second))
    found = np.zeros((_PLACES, _PLACES), dtype=np.bool_)
    if pair.inverse[0] > 0 and pair.inverse[0] * pair.inverse[2] > pair.inverse[1] ** 2:
        found[1:-1, 1:-1] = corners[:-1, :-1] & corners[1:, :-1] & corners[:-1, 1:] & corners[1:, 1:]
    return found


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
