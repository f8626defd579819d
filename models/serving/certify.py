"""What a held-out test proves about the error of an automatic route (Learn then Test, Angelopoulos et al. 2021).

The hypothesis "the share of wrong cases on this route is above the target" is tested with the exact binomial tail
on cases that had no part in the making of the model. If it is rejected, the route may be taken without a person,
and the chance that this was luck is at most delta. The promise holds for cases like the held-out ones
(exchangeable); nothing guards it once they change.

Which threshold? Thresholds are fixed beforehand, from strict to loose. The walk begins at several of them, which share
delta equally, and from each it goes on to the next looser one for as long as the test is passed (fixed sequence). The
loosest one that was passed is taken: whichever it is, the chance that any of them was luck is at most delta.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

STARTS = 5
_NEGLIGIBLE = 60.0  # in logs, below the largest term: beyond the digits of a float, times any number of terms


@dataclass(frozen=True, slots=True)
class Test:
    """The outcome of one test, and all that is needed to repeat it."""

    __test__ = False

    target: float  # largest tolerated share of wrong cases on the route
    delta: float  # largest tolerated chance of certifying a route that is worse than the target
    starts: int  # that share delta
    cases: int  # held-out cases on the route
    wrong: int  # those that went wrong
    p_value: float

    @property
    def certified(self) -> bool:
        """Whether the route may be taken without a person."""
        return self.p_value <= self.delta / self.starts


class Walked(NamedTuple):
    """The loosest threshold that was passed, with its test; None if none was."""

    threshold: float | None
    test: Test


def certify(cases: int, wrong: int, target: float, delta: float, starts: int = 1) -> Test:
    """Tests one route whose threshold was fixed before the held-out cases were looked at.

    Raises ValueError where the arguments ask for nothing that can be proved.
    """
    if not 0 < target < 1:
        raise ValueError(f"a target of {target} is none: a share of wrong cases is between 0 and 1.")
    if not 0 < delta < 1:
        raise ValueError(f"a delta of {delta} is none: a chance is between 0 and 1.")
    if starts < 1:
        raise ValueError(f"{starts} starts are too few: the walk begins somewhere.")
    return Test(target, delta, starts, cases, wrong, binomial_tail(wrong, cases, target))


def learn_then_test(
    scores: Sequence[float],
    wrong: Sequence[bool],
    thresholds: Sequence[float],
    target: float,
    delta: float,
    starts: int = STARTS,
) -> Walked:
    """Walks thresholds, which were fixed beforehand, on held-out cases: a case is on the route below a threshold.

    Without a threshold that passes, the test told is that of the strictest start. Raises ValueError as `certify`, and
    where thresholds are none, or no ordinary numbers from strict to loose.
    """
    if len(scores) != len(wrong):
        raise ValueError(f"{len(scores)} scores and {len(wrong)} labels do not belong together.")
    grid = list(thresholds)
    if not grid or not all(map(math.isfinite, grid)) or any(a >= b for a, b in pairwise(grid)):
        raise ValueError("thresholds are ordinary numbers, each looser than the one before; there is at least one.")
    begins = sorted({round(n * len(grid) / starts) for n in range(min(starts, len(grid)))})
    tests = _Tests(scores, wrong, grid, target, delta, starts)
    passed: int | None = None
    for begin in begins:
        at = max(begin, -1 if passed is None else passed)
        while at < len(grid) and tests.at(at).certified:
            passed = at
            at += 1
    if passed is None:
        return Walked(None, tests.at(begins[0]))
    return Walked(grid[passed], tests.at(passed))


class _Tests:
    """The tests of a grid, each made when it is asked for."""

    def __init__(
        self,
        scores: Sequence[float],
        wrong: Sequence[bool],
        grid: Sequence[float],
        target: float,
        delta: float,
        starts: int,
    ) -> None:
        certify(0, 0, target, delta, starts)  # checks the arguments
        if not all(map(math.isfinite, scores)):
            raise ValueError("a score is no ordinary number.")
        self._cases = sorted(zip(map(float, scores), map(bool, wrong), strict=True))
        self._grid, self._how = grid, (target, delta, starts)
        self._made: dict[int, Test] = {}

    def at(self, index: int) -> Test:
        if index not in self._made:
            on_route = [bad for score, bad in self._cases if score < self._grid[index]]
            self._made[index] = certify(len(on_route), sum(on_route), *self._how)
        return self._made[index]


def binomial_tail(wrong: int, cases: int, share: float) -> float:
    """P(X <= wrong) for X ~ Binomial(cases, share), exact for any number of cases; 1 without cases."""
    if not 0 <= wrong <= cases:
        raise ValueError(f"{wrong} wrong of {cases} cases is not possible.")
    if not 0 < share < 1:
        raise ValueError(f"a share of {share} is none: it is between 0 and 1.")
    if wrong == cases:
        return 1.0
    sure, unsure = math.log(share), math.log1p(-share)
    term = math.lgamma(cases + 1) - math.lgamma(wrong + 1) - math.lgamma(cases - wrong + 1)
    term += wrong * sure + (cases - wrong) * unsure
    terms, largest = [term], term
    for k in range(wrong, 0, -1):
        term += math.log(k) - math.log(cases - k + 1) + unsure - sure
        terms.append(term)
        largest = max(largest, term)
        if term < largest - _NEGLIGIBLE:  # they only fall from here: the terms have one summit
            break
    return min(1.0, math.exp(largest) * math.fsum(math.exp(each - largest) for each in terms))


def upper_bound(wrong: int, cases: int, delta: float) -> float:
    """The largest share of wrong cases that a result this good does not rule out at confidence 1 - delta (exact)."""
    if wrong >= cases:
        return 1.0
    low, high = wrong / cases, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if middle >= 1 or binomial_tail(wrong, cases, middle) <= delta:
            high = middle
        else:
            low = middle
    return high
