"""What others say of the same cases: Learn then Test as MAPIE has it, for tests and for `make certificates`.

Never part of what makes a certificate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mapie.risk_control import FWERFixedSequenceTesting, control_fwer
from mapie.risk_control.methods import compute_hoeffding_bentkus_p_value

from models.decisions.measure import Flags, Scores


class _Starts(FWERFixedSequenceTesting):  # type: ignore[misc]  # it has no types
    """Its walk from our starts, which are the same where they divide the thresholds evenly, with our share of delta."""

    def _init_state(self, n_lambdas: int, delta: float) -> None:
        super()._init_state(n_lambdas, delta)
        self.local_delta = delta / self.n_starts
        wanted = min(self.n_starts, n_lambdas)
        self.start_positions = sorted({round(n * n_lambdas / self.n_starts) for n in range(wanted)})


def p_values_of_mapie(cases: Sequence[int], wrong: Sequence[int], target: float) -> Any:
    """One for each route."""
    many = np.array(cases, dtype=float)
    share = np.nextafter(np.array(wrong) / many, 0)  # it rounds cases times share up
    return compute_hoeffding_bentkus_p_value(share, many, target, binary=True)[:, 0]


def threshold_of_mapie(
    scores: Scores, wrong: Flags, grid: Sequence[float], target: float, delta: float, starts: int
) -> float | None:
    """The loosest threshold that passes."""
    on_route = [scores < each for each in grid]
    cases = [int(each.sum()) for each in on_route]
    known = [number for number, count in enumerate(cases) if count]
    values = np.ones(len(grid))
    values[known] = p_values_of_mapie([cases[n] for n in known], [int(wrong[on_route[n]].sum()) for n in known], target)
    passed = control_fwer(values, delta, _Starts(starts))
    return grid[int(max(passed))] if len(passed) else None
