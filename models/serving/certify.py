"""What a held-out test proves about the error of an automatic route (Learn then Test, Angelopoulos et al. 2021).

The hypothesis "the share of wrong cases on this route is above the target" is tested with the exact binomial tail
on cases that had no part in the making of the model. If it is rejected, the route may be taken without a person,
and the chance that this was luck is at most delta. The promise holds for cases like the held-out ones
(exchangeable); nothing guards it once they change.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Certificate:
    """The outcome of one test, and all that is needed to repeat it."""

    target: float  # largest tolerated share of wrong cases on the route
    delta: float  # largest tolerated chance of certifying a route that is worse than the target
    cases: int  # held-out cases on the route
    wrong: int  # those that went wrong
    p_value: float

    @property
    def certified(self) -> bool:
        """Whether the route may be taken without a person."""
        return self.p_value <= self.delta


def certify(cases: int, wrong: int, target: float, delta: float) -> Certificate:
    """Tests one route whose threshold was fixed before the held-out cases were looked at."""
    return Certificate(target, delta, cases, wrong, binomial_tail(wrong, cases, target))


def binomial_tail(wrong: int, cases: int, share: float) -> float:
    """P(X <= wrong) for X ~ Binomial(cases, share), exact; 1 without cases."""
    if not 0 <= wrong <= cases:
        raise ValueError(f"{wrong} wrong of {cases} cases is not possible.")
    return math.fsum(math.comb(cases, k) * share**k * (1 - share) ** (cases - k) for k in range(wrong + 1))
