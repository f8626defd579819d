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
        """For how long the position that has stood longest has stood, by topic; 0 where all move or have no work."""
        since = self.since(positions, ends, now)
        found: dict[str, float] = {}
        for partition in positions:
            stood = now - since.get(partition, now)
            found[partition.topic] = max(stood, found.get(partition.topic, 0.0))
        return found

    def since(
        self, positions: Mapping[Partition, int], ends: Mapping[Partition, int], now: float
    ) -> dict[Partition, float]:
        """Since when the position of each partition with work is what it is.

        A partition that has just come counts from now on, and one that has gone is forgotten.
        """
        before, self._since = self._since, {}
        for partition, position in positions.items():
            if ends.get(partition, position) > position:
                known, since = before.get(partition, (position, now))
                self._since[partition] = (position, since if known == position else now)
        return {partition: since for partition, (_, since) in self._since.items()}
