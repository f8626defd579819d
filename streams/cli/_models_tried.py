"""How a challenger has done beside the version that decides: what it would have decided alone, and what turned out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from streams.cli._past_messages import past_messages

if TYPE_CHECKING:
    from schemas.codec import Codec
    from streams.ground.settings import Settings

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
    takes = {DECISION: found.decision, LABEL: found.label}
    for topic in (decide.DECISIONS, monitor.LABELS):
        async for kind, data in past_messages(settings, codec, topic, since_ms=since_ms):
            if kind in takes:  # what cannot be read its readers have parked
                takes[kind](data)
    return found.counts()
