"""What the page of a model draws, from the cases that its certificate was made of: written into the certificate.

Only sums over cases are kept, no case. They are for people; serving reads none of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from models.serving.predict import ANYWAY, Model

BINS = 10
EXPLAINED = 200  # cases, which reasons overall are the mean of
_DECIMALS = 6


def calibration(doubts: Sequence[float], wrong: Sequence[bool]) -> list[dict[str, Any]]:
    """Bins of equally many cases, by their doubt: the mean of it, and how many of them were wrong."""
    ordered = sorted(zip(doubts, wrong, strict=True))
    bins = [ordered[len(ordered) * n // BINS : len(ordered) * (n + 1) // BINS] for n in range(BINS)]
    return [
        {
            "doubt": round(sum(doubt for doubt, _ in each) / len(each), _DECIMALS),
            "cases": len(each),
            "wrong": sum(bad for _, bad in each),
        }
        for each in bins
        if each
    ]


def curve(doubts: Sequence[float], wrong: Sequence[bool], grid: Sequence[float]) -> list[dict[str, Any]]:
    """For each threshold that was fixed before: how many cases are below, and how many of those are wrong."""
    pairs = list(zip(doubts, map(bool, wrong), strict=True))
    below = [(limit, [bad for doubt, bad in pairs if doubt < limit]) for limit in grid]
    return [{"threshold": limit, "cases": len(found), "wrong": sum(found)} for limit, found in below]


def overall(model: Model, cases: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """How far each field moves the score, in the mean over some cases, the strongest first; none where it says none."""
    verdicts = (model.decide(case, ANYWAY) for case in cases)
    told = list(islice((each.contributions for each in verdicts if each.contributions), EXPLAINED))
    moved = dict.fromkeys(model.labels, 0.0)
    for contribution in (each for contributions in told for each in contributions):
        moved[contribution.field] += abs(contribution.amount)
    means = [{"field": field, "moves": round(size / len(told), _DECIMALS)} for field, size in moved.items() if told]
    return sorted(means, key=lambda each: -float(each["moves"]))
