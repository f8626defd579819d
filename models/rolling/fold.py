"""The fold of rolling features: events and truths of one key in, in any order, and what a window holds at a time.

Time is cut into hours: an event counts in the bucket of its hour, and a window is so many whole buckets up to and
with the one that is asked for. So what is kept of a key is bounded by the longest window, whatever happens to it, and
the order in which events come makes no difference once they are there. What comes twice is known by its id as long as
its bucket is kept; of a bucket with more than `MOST_IDS` events the later ones are not counted, and it is said that it
is full. An event that is older than all that is kept is dropped.

A truth is counted in the bucket of its event, from when it was known: what a window says of a time never knows more
than was known then.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from models.rolling.declared import Aggregate, Key

BUCKET_MS: Final = 3_600_000
DAY_BUCKETS: Final = 24
MOST_IDS: Final = 512  # events of a key in one bucket


class Event(msgspec.Struct, frozen=True, array_like=True):
    """Something that happened at a key."""

    id: str
    at_ms: int
    amount: float


class Truth(msgspec.Struct, frozen=True, array_like=True):
    """That an event was bad, and when that was known."""

    id: str
    at_ms: int  # of the event
    known_ms: int


class Bucket(msgspec.Struct, array_like=True):
    """What happened in one hour."""

    amounts: dict[str, float] = {}  # by the id of the event
    known: dict[str, int] = {}  # when it was known to be bad, the earliest
    full: bool = False
    count: int = 0
    total: float = 0.0


class State(msgspec.Struct, array_like=True):
    """What is kept of one value of one key."""

    buckets: dict[int, Bucket] = {}
    latest: int = 0  # the latest bucket that anything came for


def add(state: State, key: Key, what: Event | Truth) -> bool:
    """Counts an event or a truth; False if it was counted before, is too old, or its bucket is full."""
    place = what.at_ms // BUCKET_MS
    if place <= state.latest - kept(key):
        return False
    if place > state.latest:
        state.latest, oldest = place, place - kept(key)
        for old in [each for each in state.buckets if each <= oldest]:
            del state.buckets[old]
    bucket = state.buckets.setdefault(place, Bucket())
    if isinstance(what, Truth):
        return _know(bucket, what)
    if what.id in bucket.amounts:
        return False
    if len(bucket.amounts) >= MOST_IDS:
        bucket.full = True
        return False
    bucket.amounts[what.id] = what.amount
    bucket.count += 1
    bucket.total += what.amount
    return True


def kept(key: Key) -> int:
    """Buckets that are kept: those of the longest window, and a day more for what is late."""
    return (key.longest + 1) * DAY_BUCKETS


def read(state: State, key: Key, at_ms: int) -> list[float]:
    """The features of a time, of what was known by then: for each window its aggregates, in the order of their
    declaration."""
    last = at_ms // BUCKET_MS
    found: list[float] = []
    counts = total = bad = 0.0
    sums: dict[int, tuple[float, float, float]] = {}
    windows = sorted(key.windows)
    places = sorted((each for each in state.buckets if each <= last), reverse=True)
    position = 0
    for days in windows:
        while position < len(places) and places[position] > last - days * DAY_BUCKETS:
            bucket = state.buckets[places[position]]
            counts += bucket.count
            total += bucket.total
            if bucket.known:  # of hardly any
                bad += sum(known <= at_ms and event in bucket.amounts for event, known in bucket.known.items())
            position += 1
        sums[days] = counts, total, bad
    for days in key.windows:
        found.extend(_told(*sums[days], key.aggregates))
    return found


def _told(count: float, total: float, bad: float, aggregates: Iterable[Aggregate]) -> Iterable[float]:
    for each in aggregates:
        if each is Aggregate.COUNT:
            yield count
        elif not count:
            yield 0.0
        else:
            yield (total if each is Aggregate.AMOUNT else bad) / count


def _know(bucket: Bucket, truth: Truth) -> bool:
    before = bucket.known.get(truth.id)
    if before is None and len(bucket.known) >= MOST_IDS:
        bucket.full = True
        return False
    if before is not None and before <= truth.known_ms:
        return False
    bucket.known[truth.id] = truth.known_ms
    return True
