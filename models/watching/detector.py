"""Whether the error of an automatic route is still at most its target: a sequential test on audited decisions.

It is an e-detector (Shin, Ramdas and Rinaldo, *E-detectors: a nonparametric framework for sequential change detection*,
2023), of the Shiryaev-Roberts kind, mixed over a few alternatives. For a larger error p = multiple x target, an audited
decision multiplies the evidence by

    L(wrong) = p / target          L(right) = (1 - p) / (1 - target)

whose mean is at most 1 as long as the error is at most the target, whatever came before. For each alternative

    R = (1 + R) * L,   R = 0 at first

so that the evidence may begin with any decision, and the evidence as a whole is the mean of all R. While the error is
at most the target, the evidence grows by at most 1 with a decision, on average. So, if it alarms at `ALARM_AT`, the
mean number of audited decisions up to a false alarm is at least `ALARM_AT`. That is all that is promised. Simulated at
a target of 5 %: at an error of 4 %, 0.1 % of runs alarm within 10,000 audits; the median until an alarm is 685 audits
at 8 %, 335 at 10 %, 150 at 15 %. Larger multiples are a little quicker, and alarm more often for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Final

ALARM_AT: Final = 50_000.0
MULTIPLES: Final = (1.2, 1.4, 1.6, 2.0)  # of the target; of nine sets that were simulated, one with few false alarms
LARGEST: Final = 0.99  # error of an alternative
CEILING: Final = 1e200  # of the evidence, far beyond any alarm

START: Final = (0.0,) * len(MULTIPLES)


def noted(evidence: Sequence[float], wrong: bool, target: float) -> tuple[float, ...]:
    """The evidence after one more audited decision. Raises ValueError for a target that is no share of wrong cases."""
    if not 0 < target < LARGEST:
        raise ValueError(f"a target of {target} is none: a share of wrong cases is between 0 and 1.")
    return tuple(
        min((1 + each) * _ratio(target, min(multiple * target, LARGEST), wrong), CEILING)
        for each, multiple in zip(evidence, MULTIPLES, strict=True)
    )


def strength(evidence: Sequence[float]) -> float:
    """How much speaks for an error above the target, to be held against `ALARM_AT`."""
    return fmean(evidence)


def first_alarm(wrong: Iterable[bool], target: float, alarm_at: float = ALARM_AT) -> int | None:
    """After how many audited decisions it alarms; None if it never does."""
    evidence: tuple[float, ...] = START
    for number, each in enumerate(wrong, 1):
        evidence = noted(evidence, each, target)
        if strength(evidence) >= alarm_at:
            return number
    return None


def _ratio(target: float, error: float, wrong: bool) -> float:
    return error / target if wrong else (1 - error) / (1 - target)
