"""From held-out cases to a certificate: the walk over thresholds, what it means for groups, and the file.

A case counts on the route where serving would take it: below the threshold, and held back by nothing. What is held back
(unreadable, out of range, unlike the training rows) never takes the route, so it has no part in the test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tomli_w

from models.making.pictures import calibration, curve
from models.serving.card import Card, head
from models.serving.certificate import Certificate, certificate_fields, sealed
from models.serving.certify import STARTS, binomial_tail, learn_then_test, upper_bound

THRESHOLDS = 20
BEYOND = 2.0  # the score of a case that is held back: below no threshold
_DECIMALS = 6


@dataclass(frozen=True, kw_only=True)
class Cases:
    """Held-out cases. A score is None where the case is held back."""

    scores: Sequence[float | None]
    wrong: Sequence[bool]
    groups: Mapping[str, Sequence[bool]]  # members of each group that fairness is looked at for
    sha256: str  # of the data
    reasons: Sequence[Mapping[str, Any]] = ()  # overall, for the page of the model


def thresholds(scores: Sequence[float], most: float, count: int = THRESHOLDS) -> list[float]:
    """Thresholds from strict to loose, from scores of rows that have no part in the test; the last is `most`."""
    ordered = sorted(score for score in scores if score < most)
    places = [len(ordered) * n // count for n in range(1, count)]
    found = {round(ordered[place], _DECIMALS) for place in places} if ordered else set()
    return [*sorted(each for each in found if 0 < each < most), most]


def certificate(
    card: Card,
    covers: str,
    cases: Cases,
    grid: Sequence[float],
    *,
    target: float,
    delta: float,
    code: str,
    starts: int = STARTS,
    group_delta: float | None = None,
) -> tuple[Certificate, bytes]:
    """The certificate, passed or not, and its file. Raises ValueError where it is asked for what cannot be proved.

    `group_delta` is the level at which a group fails: delta unless said, and more where delta is only a part.
    """
    if not target < card.routing.break_even:
        raise ValueError(f"a target of {target} is not below the break-even of the costs, {card.routing.break_even:g}.")
    scores = [BEYOND if score is None else score for score in cases.scores]
    level = delta if group_delta is None else group_delta
    threshold, test = learn_then_test(scores, cases.wrong, grid, target, delta, starts)
    on_route = [threshold is not None and score < threshold for score in scores]
    groups = [_group(name, members, on_route, cases.wrong, target, level) for name, members in cases.groups.items()]
    made = Certificate(
        id=f"{card.name}/{card.version}",
        model=card.name,
        version=card.version,
        route=", ".join(head(card).routes),
        covers=covers,
        certified=threshold is not None,
        threshold=threshold or 0.0,
        target=target,
        delta=delta,
        starts=test.starts,
        cases=test.cases,
        wrong=test.wrong,
        p_value=test.p_value,
        upper_bound=round(upper_bound(test.wrong, test.cases, delta / test.starts), _DECIMALS),
        coverage=round(sum(on_route) / len(on_route), _DECIMALS) if on_route else 0.0,
        fairness_passed=all(group["passed"] for group in groups),
    )
    return made, _written(made, cases, grid, groups, level, code)


def _group(
    name: str, members: Sequence[bool], on_route: Sequence[bool], wrong: Sequence[bool], target: float, level: float
) -> dict[str, Any]:
    """A group's figures. It fails the gate where its own cases prove that the target does not hold for it."""
    rows = [(bad, taken) for bad, taken, member in zip(wrong, on_route, members, strict=True) if member]
    taken = [bad for bad, is_on in rows if is_on]
    bad = sum(taken)
    too_many = binomial_tail(len(taken) - bad, len(taken), 1 - target)  # P(X >= bad) at the target
    return {
        "group": name,
        "rows": len(rows),
        "cases": len(taken),
        "wrong": bad,
        "p_value_above_target": round(too_many, _DECIMALS),
        "passed": not taken or too_many > level,
    }


def _written(
    made: Certificate,
    cases: Cases,
    grid: Sequence[float],
    groups: Sequence[dict[str, Any]],
    level: float,
    code: str,
) -> bytes:
    verdict = (
        "Passed: among cases like these that take the route, the share of wrong ones is below the target."
        if made.certified
        else "NOT passed: nothing is proved at any threshold. Everything goes to people."
    )
    fields = certificate_fields(
        made,
        verdict=verdict,
        how=(
            "Learn then Test: exact binomial tests of 'share of wrong cases above target' on held-out rows, over "
            "thresholds that were fixed before, from several starts that share delta. The figures are those of the "
            "loosest threshold that was passed. It is a promise on average over such cases, not for each group."
        ),
        fairness_gate=(
            f"No group whose own cases prove, at {'delta' if level == made.delta else f'{level:g}'}, that its share of "
            "wrong ones is above the target."
        ),
        tested_rows=len(cases.wrong),
        data_sha256=cases.sha256,
        code=code,
        thresholds=list(grid),
        groups=list(groups),
        calibration=calibration(*_shown(cases)),
        curve=curve(*_shown(cases), grid),
        reasons=list(cases.reasons),
    )
    return sealed(tomli_w.dumps(fields))


def _shown(cases: Cases) -> tuple[list[float], list[bool]]:
    """The cases that nothing holds back, of which a score says something."""
    kept = [(score, bad) for score, bad in zip(cases.scores, cases.wrong, strict=True) if score is not None]
    return [score for score, _ in kept], [bad for _, bad in kept]
