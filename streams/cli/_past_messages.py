"""The messages that a topic holds, in the order of each partition, for commands that go through them once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from schemas.codec import Codec
    from streams.ground.past_records import PastRecords
    from streams.ground.settings import Settings
    from streams.ground.topic import Topic

AT_ONCE = 2_000


class PastMessage(NamedTuple):
    """A message, and where it stands."""

    name: str  # empty where it cannot be read
    data: Mapping[str, Any]


def range_of(settings: Settings, topic: Topic) -> tuple[int, int]:
    """The first offset that a topic of one partition holds, and the one behind the last."""
    with _records(settings) as records:
        return records.held(topic.name)[0]


async def past_messages(
    settings: Settings,
    codec: Codec,
    topic: Topic,
    *,
    since_ms: int | None = None,
    begins: int = 0,
    ends: int | None = None,
) -> AsyncIterator[PastMessage]:
    """All that stand there now; or those since a time (epoch), or of every partition from an offset on, to another.

    Raises UnavailableError where Kafka is away, UsageError where there is no such topic.
    """
    from schemas.codec import UndecodableRecord

    with _records(settings) as records:
        held = records.held(topic.name)
        starts = records.offsets_at(topic.name, held, since_ms) if since_ms is not None else {}
        for partition, (first, last) in held.items():
            place = starts.get(partition) if since_ms is not None else max(first, begins)
            end = last if ends is None else min(last, ends)
            while (
                place is not None
                and place < end
                and (batch := records.read(topic.name, partition, place, end, AT_ONCE))
            ):
                for record in batch:
                    try:
                        yield PastMessage(*await codec.decode_learning(record.value or b""))
                    except UndecodableRecord:
                        yield PastMessage("", {})
                place = batch[-1].offset + 1


def _records(settings: Settings) -> closing[PastRecords]:
    from streams.ground.past_records import PastRecords

    return closing(PastRecords(settings))
