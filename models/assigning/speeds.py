"""How long work of a kind takes a person, learned from what they have resolved: estimates that are shrunk, not means.

A kind is a path, `cards/card_arrival`. For all people together, and for each person apart, the logarithm of times is
known at each step of the path ("", `cards`, `cards/card_arrival`). A step says as much more than the one before as it
has seen:

    all(step)     = all(step before)     + n / (n + OF_KIND)   * (mean of logs        - all(step before))
    person(step)  = person(step before)  + n / (n + OF_PERSON) * (mean of differences - person(step before))

where a difference is that of a log from what all people together were expected to take. So one lucky case makes nobody
a specialist, and somebody of whom nothing is known is taken for the usual one, with a doubt, sigma / sqrt(n + 1), that
`optimistic` counts in their favour: newcomers, and those not seen at such work, are given some of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec

OF_KIND = 4.0
OF_PERSON = 6.0
SIGMA = 0.7  # of the logarithm of the time that one person takes for one kind, case by case
USUAL_S = 900.0  # before anything is known
HOPE = 0.35  # of the doubt
SHORTEST_S, LONGEST_S = 1.0, 30 * 86_400.0
SEPARATOR = "/"
MAX_STEPS = 4
ALL = ""


class Sum(msgspec.Struct):
    """Of some numbers."""

    count: int = 0
    total: float = 0.0


class Speeds(msgspec.Struct):
    """What is known of all people; `sums` are by person (or `ALL`) and step."""

    sums: dict[str, dict[str, Sum]] = {}

    def expected(self, person: str, kind: str) -> float:
        """How many seconds it is expected to take."""
        return math.exp(self._level(kind) + self._own(person, kind)[0])

    def optimistic(self, person: str, kind: str) -> float:
        """The same, with some of the doubt in their favour."""
        own, seen = self._own(person, kind)
        return math.exp(self._level(kind) + own - HOPE * SIGMA / math.sqrt(seen + 1))

    def note(self, person: str, kind: str, seconds: float) -> None:
        """Takes in that somebody has resolved something."""
        log = math.log(min(max(seconds, SHORTEST_S), LONGEST_S))
        difference = log - self._level(kind)
        for who, value in ((ALL, log), (person, difference)):
            steps = self.sums.setdefault(who, {})
            for step in steps_of(kind):
                known = steps.setdefault(step, Sum())
                known.count += 1
                known.total += value

    def _level(self, kind: str) -> float:
        known, found = self.sums.get(ALL, {}), math.log(USUAL_S)
        for step in steps_of(kind):
            if (seen := known.get(step)) is not None:
                found += seen.count / (seen.count + OF_KIND) * (seen.total / seen.count - found)
        return found

    def _own(self, person: str, kind: str) -> tuple[float, int]:
        """How a person differs, and how many of the nearest kind were seen."""
        known, found, count = self.sums.get(person, {}), 0.0, 0
        for step in steps_of(kind):
            seen = known.get(step)
            count = 0 if seen is None else seen.count
            if seen is not None:
                found += seen.count / (seen.count + OF_PERSON) * (seen.total / seen.count - found)
        return found, count


def steps_of(kind: str) -> Iterator[str]:
    """The steps of a path, from nothing said to all of it."""
    yield ""
    parts = kind.split(SEPARATOR)[:MAX_STEPS] if kind else []
    for number in range(len(parts)):
        yield SEPARATOR.join(parts[: number + 1])
