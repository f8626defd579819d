"""How a challenger has done beside the version that decides: what it would have decided alone, and what turned out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from schemas.codec import Codec
    from streams.ground.settings import Settings
    from streams.ground.topic import Topic

AT_ONCE = 2_000
MOST = 200_000  # cases that are looked at, the oldest first


class Tried:
    """Counts of live cases."""

    def __init__(self, name: str, version: str) -> None:
        self._of = (name, version)
        self._seen: set[str] = set()
        self._routes: dict[str, str] = {}  # of what it would have decided alone, by the decision's id
        self._truths: dict[str, str] = {}

    def decision(self, data: Mapping[str, Any]) -> None:
        """Takes note of a Decision."""
        from models.serving.card import REVIEW

        beside = data["beside"]
        if beside is None or not beside["challenger"] or (data["model"], beside["model_version"]) != self._of:
            return
        if len(self._seen) < MOST:
            self._seen.add(data["decision_id"])
            if beside["route"] != REVIEW:
                self._routes[data["decision_id"]] = beside["route"]

    def label(self, data: Mapping[str, Any]) -> None:
        """Takes note of a Label; of those of one case the first counts."""
        if data["model"] == self._of[0] and data["first"] and data["decision_id"] in self._routes:
            self._truths.setdefault(data["decision_id"], data["label"])

    def counts(self) -> tuple[int, int, int, int]:
        """How many cases, how many of them alone, how many of these with a known truth, and how many of these wrong."""
        wrong = sum(self._routes[key] != truth for key, truth in self._truths.items())
        return len(self._seen), len(self._routes), len(self._truths), wrong


async def tried(settings: Settings, codec: Codec, name: str, version: str, since_ms: int) -> tuple[int, int, int, int]:
    """The counts of what has happened since a time (epoch); see `Tried.counts`."""
    from schemas.messages import DECISION, LABEL
    from streams.processors import decide, monitor

    found = Tried(name, version)
    await _read(settings, codec, decide.DECISIONS, since_ms, {DECISION: found.decision})
    await _read(settings, codec, monitor.LABELS, since_ms, {LABEL: found.label})
    return found.counts()


async def _read(settings: Settings, codec: Codec, topic: Topic, since_ms: int, takes: Mapping[str, Any]) -> None:
    from schemas.codec import UndecodableRecord
    from streams.ground.past_records import PastRecords

    records = PastRecords(settings)
    try:
        held = records.held(topic.name)
        starts = records.offsets_at(topic.name, held, since_ms)
        for partition, (_, end) in held.items():
            place = starts[partition]
            while (
                place is not None
                and place < end
                and (batch := records.read(topic.name, partition, place, end, AT_ONCE))
            ):
                for record in batch:
                    try:
                        kind, data = await codec.decode_learning(record.value or b"")
                    except UndecodableRecord:
                        continue  # its readers have parked it
                    if kind in takes:
                        takes[kind](data)
                place = batch[-1].offset + 1
    finally:
        records.close()
