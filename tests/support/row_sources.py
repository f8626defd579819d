"""What rows are read with in tests, in place of Kafka: events and positions are kept in memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from schemas.business import EventTypes
from schemas.codec import Codec
from streams.ground.errors import UnavailableError
from streams.ground.publish import Outgoing
from streams.rows.position import Position


class Kafka:
    """Keeps events and positions, and may be away from some write on."""

    def __init__(self) -> None:
        self.codec = Codec.offline()
        self.events: list[tuple[dict[str, str], Any]] = []
        self.positions: dict[str, Position] = {}
        self.away_after = 10**9

    async def publish(self, records: Iterable[Outgoing]) -> None:
        self._write()
        self.events += [EventTypes.load().decode_event(self.codec, each.headers, each.value) for each in records]

    def of(self, name: str) -> Position | None:
        return self.positions.get(name)

    async def keep(self, name: str, position: Position) -> None:
        self._write()
        self.positions[name] = position

    def _write(self) -> None:
        self.away_after -= 1
        if self.away_after < 0:
            raise UnavailableError("Kafka is away.")

    @property
    def data(self) -> list[Any]:
        return [data for _, data in self.events]

    @property
    def ids(self) -> list[str]:
        return [attributes["id"] for attributes, _ in self.events]
