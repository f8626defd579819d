"""Follows the topic of definitions: a book that is read from the beginning at its start, and kept up to date after."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import structlog

from schemas.codec import Codec
from schemas.functions import Function
from schemas.messages import OWN_EVENT_TYPE, VERSION_REMOVED, WORKFLOW_DEFINITION, WORKFLOW_STATE
from streams.definitions import DEFINITIONS, event_types
from streams.definitions.book import DefinitionBook
from streams.ground.settings import Settings
from streams.ground.topic_feed import TopicFeed

log = structlog.get_logger()


class DefinitionFeed(DefinitionBook):
    """A book that follows the topic. One per process, shared by all that need it."""

    def __init__(self, settings: Settings, codec: Codec, functions: Mapping[str, Function]) -> None:
        super().__init__(functions)
        also = {WORKFLOW_STATE: self.learn_state, VERSION_REMOVED: self.learn_removal, OWN_EVENT_TYPE: self._learn_type}
        self._codec = codec
        self._feed = TopicFeed(settings, codec, DEFINITIONS, WORKFLOW_DEFINITION, self._learn, also)
        codec.ask = self.catch_up

    def _learn(self, data: Mapping[str, Any]) -> None:
        """Outcomes of the definition can be read from now on, too."""
        outcome = self.learn(data).outcome
        if outcome is not None:
            self._codec.know(outcome.id, outcome.schema)

    def _learn_type(self, data: Mapping[str, Any]) -> None:
        """Events of the type can be written and read from now on."""
        try:
            event_types.learn(self.types, self._codec, data)
        except ValueError as error:
            log.error("event type not understood", type=data["type"], reason=str(error))

    async def start(self) -> None:
        """Returns once everything deployed so far is known; may be called by everybody who needs it.

        Raises UnavailableError if the topic cannot be read in time, ConfigurationError where the schema registry takes
        all that is on it for something else: to go on would be to read every topic wrongly.
        """
        await self._feed.start()

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Starts, and follows for as long as the context lasts. Raises as `start` does."""
        try:
            await self.start()
            yield
        finally:
            await self.close()

    async def catch_up(self) -> None:
        """See `DefinitionBook`; waits for as long as the topic cannot be read."""
        await self._feed.catch_up()

    async def close(self) -> None:
        """Stops following."""
        await self._feed.close()
