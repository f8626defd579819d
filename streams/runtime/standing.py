"""For how long positions have stood still although there is work: what the metric of that name tells. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from streams.runtime.reader import Partition


class Standing:
    """Remembers, of each partition with work, since when its position is what it is."""

    def __init__(self) -> None:
        self._since: dict[Partition, tuple[int, float]] = {}

    def seconds(
        self, positions: Mapping[Partition, int], ends: Mapping[Partition, int], now: float
    ) -> dict[str, float]:
        """For how long the position that has stood longest has stood, by topic; 0 where all move or have no work.

        A partition that has just come counts from now on, and one that has gone is forgotten.
        """
        before, self._since = self._since, {}
        found: dict[str, float] = {}
        for partition, position in positions.items():
            stood = 0.0
            if ends.get(partition, position) > position:
                known, since = before.get(partition, (position, now))
                self._since[partition] = (position, since if known == position else now)
                stood = now - self._since[partition][1]
            found[partition.topic] = max(stood, found.get(partition.topic, 0.0))
        return found
