"""How many events a turn of a replay takes: so many as take about a second, whatever a candidate makes of each."""

from __future__ import annotations

TURN_S = 1.0  # of work, about; then others have their turn, and somebody may pause it
FIRST = 20  # events of the first turn, since nobody knows yet how long one takes
FASTER = 4  # times as many as in the turn before, at most: what was quick may be the exception


def paced(planned: int, done: int, took_s: float) -> int:
    """The events of the next turn, after one of `planned`, of which `done` were processed in this time."""
    if not done:
        return planned
    return max(1, min(planned * FASTER, int(done * TURN_S / max(took_s, 1e-3))))
