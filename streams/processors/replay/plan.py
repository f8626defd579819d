"""What a replay is to read: the places of its events on their topics, and how much is gone. Blocks."""

from __future__ import annotations

from typing import NamedTuple

from streams.ground.errors import UsageError
from streams.ground.past_records import PastRecords
from streams.ground.topic import DAY_MS
from streams.processors.replay.request import Request
from streams.processors.replay.standing import Part, Past
from streams.processors.replay.tail import tails


class Plan(NamedTuple):
    """The places, and how many records there are and are not. `past`: what history may still have of the rest."""

    parts: tuple[Part, ...]
    past: Past | None
    held: int
    gone: int  # at most


def planned(request: Request, records: PastRecords, now_ms: int) -> Plan:
    """As it is now: what comes later is no past event; of a shadow, that alone. Raises UsageError, UnavailableError."""
    if request.live:
        return Plan(tails(records, request.definitions, now_ms), None, 0, 0)
    parts: list[Part] = []
    gone, until_ms = 0, 0
    for topic in request.topics:
        held = records.held(topic)
        unknown = [number for number, _, _ in request.offsets if number not in held]
        if unknown:
            raise UsageError(f"{topic} has no partition {unknown[0]}; it has {len(held)}, from 0")
        begins = _begins(request, records, topic, held)
        ends = _ends(request, records, topic, held)
        for number, (first, end) in held.items():
            for low, high in _wanted(request, number, end):
                start, stop = max(first, low, begins[number]), min(end, high, ends[number])
                if start < stop:
                    parts.append(Part(topic, number, start, stop))
            lost, oldest_ms = _lost(request, records, topic, number, first, end, now_ms)
            gone += lost
            until_ms = max(until_ms, oldest_ms if lost else 0)
    past = None
    if gone and not request.offsets:
        past = past_of(request, request.since_ms or 0, until_ms)
    return Plan(tuple(parts), past, sum(each.end - each.next for each in parts), gone)


def past_of(request: Request, since_ms: int, oldest_ms: int, known: Past | None = None) -> Past:
    """What history has of records from `since_ms` on, before the oldest that is held; beside what is `known` of it."""
    latest = oldest_ms + DAY_MS  # an event may have waited for intake; what the topics hold is taken once
    past = Past(since_ms, "", min(latest, request.until_ms or latest))
    return past if known is None else Past(min(past.at_ms, known.at_ms), "", max(past.until_ms, known.until_ms))


def _wanted(request: Request, number: int, end: int) -> list[tuple[int, int]]:
    if not request.offsets:
        return [(0, end)]
    return [(low, high) for wanted, low, high in request.offsets if wanted == number]


def _begins(request: Request, records: PastRecords, topic: str, held: dict[int, tuple[int, int]]) -> dict[int, int]:
    if request.since_ms is None:
        return {number: first for number, (first, _) in held.items()}
    found = records.offsets_at(topic, held, request.since_ms)
    return {number: end if (at := found.get(number)) is None else at for number, (_, end) in held.items()}


def _ends(request: Request, records: PastRecords, topic: str, held: dict[int, tuple[int, int]]) -> dict[int, int]:
    if request.until_ms is None:
        return {number: end for number, (_, end) in held.items()}
    found = records.offsets_at(topic, held, request.until_ms)
    return {number: end if (at := found.get(number)) is None else at for number, (_, end) in held.items()}


def _lost(
    request: Request, records: PastRecords, topic: str, number: int, first: int, end: int, now_ms: int
) -> tuple[int, int]:
    """How many records of a partition are held no longer, and the time before which they were written."""
    if request.offsets:
        wanted = [(low, high) for each, low, high in request.offsets if each == number]
        return sum(max(0, min(first, high) - low) for low, high in wanted), 0
    if not first:
        return 0, 0
    oldest = records.read(topic, number, first, first + 1, 1) if first < end else []
    oldest_ms = oldest[0].timestamp_ms if oldest else now_ms
    wanted_before = request.since_ms is None or request.since_ms < oldest_ms
    return (first, oldest_ms) if wanted_before else (0, oldest_ms)
