"""Changes of models without Kafka."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.codec import Codec
from streams.ground.publish import Outgoing
from streams.processors.decide.states import ModelBook


class Written:
    """A topic that a book follows at once."""

    def __init__(self, book: ModelBook, codec: Codec) -> None:
        self.records: list[Outgoing] = []
        self._book, self._codec = book, codec

    async def publish(self, records: Iterable[Outgoing]) -> None:
        for each in records:
            self.records.append(each)
            self._book.learn(self._codec.decode(each.value)[1])
