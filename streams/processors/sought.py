"""Definitions that messages name: what is not known yet is learnt first, what is nowhere is looked for once.

A definition was deployed before anything named it, so one that is not known once all of the topic is read is nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

import structlog

from streams.definitions.book import DefinitionBook
from streams.language.graph import Graph
from streams.runtime.processor import NotYet

DIGEST_LENGTH = 64
UNKNOWN_KEPT = 10_000

Also = Callable[[], Iterable[str]]

log = structlog.get_logger()


class Sought:
    """What a processor knows of definitions that it needs."""

    def __init__(self, definitions: DefinitionBook) -> None:
        self._definitions = definitions
        self._unknown: set[str] = set()  # digests that were looked for in vain

    def graph(self, digest: str, also: Also = tuple) -> Graph | None:
        """The definition; None where it is nowhere. Raises NotYet while that is not known, as `learn_first`."""
        graph = self._definitions.graph(digest)
        if graph is None:
            self.learn_first((digest,), also)
        return graph

    def learn_first(self, wanted: Collection[str], also: Also = tuple) -> None:
        """Raises NotYet where one of these may have been deployed meanwhile.

        `also` gives the digests of the same batch: all are learnt at once, so that no number of unknown ones holds up
        the partition for long.
        """
        if any(self._definitions.graph(each) is None and each not in self._unknown for each in wanted):
            raise NotYet("a definition", lambda: self._learn({*wanted, *also()}))

    async def _learn(self, digests: set[str]) -> None:
        await self._definitions.catch_up()
        missing = {digest for digest in digests if self._definitions.graph(digest) is None}
        for digest in missing - self._unknown:
            log.error("definition missing", digest=digest[:DIGEST_LENGTH])
        if len(self._unknown) > UNKNOWN_KEPT:
            self._unknown = set()
        self._unknown |= missing
