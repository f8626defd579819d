"""When a reader that gathers rests, and for how long, so that under load a few large hand-overs go out instead of many
small ones. Each costs its processor a transaction and two changes of thread, and the path that it only watches its turn
on the same cores: with 32 workflows in flight every other process paid a quarter more.

What is rare is handed over at once: a rest only keeps two hand-overs apart. Even with one workflow in flight its
records come faster than a person sees, and a transaction for each took two of the path's fifteen milliseconds.
"""

from __future__ import annotations

LONGEST_S = 0.2
S_PER_RECORD = 0.0005  # of the hand-over before
LEAST_S = 0.015
STEADY_S = 0.05  # at least, while so much comes that
BUSY_PER_S = 1_500  # records a second came in the last window: more than one workflow after the other makes
WINDOW_S = 0.1
STREAM_PER_S = 100  # records a second, from which they come closer than hand-overs: fetched ahead, each is a fetch
STREAM_S = 1.0  # of so many, after which it is a stream; of half as many, after which it is none any more


class Pace:
    """Tells the rest after each hand-over, by its size and by how much has come lately."""

    def __init__(self) -> None:
        self.streams = False  # whether records come without a pause, for a while now
        self._busy = False
        self._lately, self._longer = _Window(WINDOW_S), _Window(STREAM_S)

    def rest_s(self, records: int, now: float) -> float:
        """Seconds to rest after a hand-over of so many records; `now` is monotonic."""
        if (per_s := self._lately.per_s(records, now)) is not None:
            self._busy = per_s > BUSY_PER_S
        if (per_s := self._longer.per_s(records, now)) is not None:
            self.streams = per_s > (STREAM_PER_S / 2 if self.streams else STREAM_PER_S)
        return min(max(records * S_PER_RECORD, STEADY_S if self._busy else LEAST_S), LONGEST_S)


class _Window:
    """Records in one span of time after the other."""

    def __init__(self, length_s: float) -> None:
        self._length_s = length_s
        self._since = 0.0
        self._count = 0

    def per_s(self, records: int, now: float) -> float | None:
        """How many came a second, with these, where a span ends now."""
        self._count += records
        passed = now - self._since
        if passed < self._length_s:
            return None
        found = self._count / passed
        self._since, self._count = now, 0
        return found
