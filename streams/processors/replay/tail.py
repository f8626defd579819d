"""A shadow: live events side by side, each as soon as its live run has ended, so that what answered that is on record.

It follows the outcome topics of the workflows that it stands beside. An outcome that the read model has not seen yet is
waited for, for a while; nothing is left out because it comes late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Engine

from schemas.lifecycle import TERMINAL
from streams.definitions import outcome_topic
from streams.ground.past_records import PastRecord, PastRecords
from streams.processors.replay.firsts import begun
from streams.processors.replay.standing import Part

if TYPE_CHECKING:
    from streams.processors.replay.cases import Batch, Case

ENDLESS = 2**62
IDLE_MS = 2_000  # until a shadow looks again that has found nothing new
LATE_MS = 600_000  # of an outcome that the read model does not know: then it is left out, and counted


class Tail(NamedTuple):
    """What a shadow reads with."""

    records: PastRecords
    engine: Engine
    told: Callable[[bytes, int], Awaitable[Case | None]]
    """The case of a first entry of history, if it is one that is meant."""

    async def next(self, batch: Batch, most: int, now_ms: int) -> None:
        """Takes the runs that have ended meanwhile, about `most`; the batch is idle where there are none."""
        held: dict[str, dict[int, tuple[int, int]]] = {}
        parts: list[Part] = []
        for part in batch.parts:
            if part.topic not in held:
                held[part.topic] = await asyncio.to_thread(self.records.held, part.topic)
            first, end = held[part.topic].get(part.partition, (0, 0))
            if part.next < first:
                batch.count(gone=first - part.next)
            place, left = max(part.next, first), most - len(batch.cases)
            if place < end and left > 0:
                place = await self._of_part(batch, part, place, min(end, place + left), now_ms)
            parts.append(Part(part.topic, part.partition, place, ENDLESS))
        batch.idle = tuple(parts) == batch.parts
        batch.parts = tuple(parts)

    async def _of_part(self, batch: Batch, part: Part, place: int, end: int, now_ms: int) -> int:
        """Takes outcomes of a partition in order, as far as the read model knows their instances; gives the next."""
        found = await asyncio.to_thread(self.records.read, part.topic, part.partition, place, end, end - place)
        known = await asyncio.to_thread(begun, self.engine, list(dict.fromkeys(map(_instance_of, found))))
        for record in found:
            run = known.get(_instance_of(record))
            if run is not None and run.status in TERMINAL:
                batch.count(read=1)
                case = await self.told(run.start.message, run.start.at_ms)
                if case is not None:
                    batch.cases.append(case)
            elif now_ms - record.timestamp_ms > LATE_MS:
                batch.count(read=1, unreadable=1)
            else:
                return record.offset
        return end if not found else found[-1].offset + 1


def tails(records: PastRecords, workflows: Iterable[str], since_ms: int) -> tuple[Part, ...]:
    """What comes on the outcome topics of workflows from a time (epoch) on. Raises UsageError where one is not there;
    blocks.
    """
    parts: list[Part] = []
    for topic in (outcome_topic(each).name for each in workflows):
        held = records.held(topic)
        begins = records.offsets_at(topic, held, since_ms)
        for number, (_, end) in held.items():
            begin = begins.get(number)
            parts.append(Part(topic, number, end if begin is None else begin, ENDLESS))
    return tuple(parts)


def _instance_of(record: PastRecord) -> str:
    return (record.key or b"").decode(errors="replace")
