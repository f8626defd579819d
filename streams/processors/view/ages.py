"""How old the oldest open instance of each workflow is: the gauge that rises when something is stuck."""

from __future__ import annotations

import asyncio
import time

import structlog
from sqlalchemy.exc import SQLAlchemyError

from streams.processors.view import OLDEST_SECONDS
from streams.processors.view.reader import Reader

EVERY_S = 15.0

log = structlog.get_logger()


class Ages:
    """Keeps `exlify_oldest_instance_seconds` true."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._shown: set[str] = set()

    async def keep(self) -> None:
        """Asks again and again, also while nothing arrives; until it is cancelled."""
        while True:
            try:
                oldest = await asyncio.to_thread(self._reader.oldest)
            except SQLAlchemyError:
                log.warning("ages are not known", reason="the read model does not answer")
            else:
                self.show(oldest, time.time() * 1_000)
            await asyncio.sleep(EVERY_S)

    def show(self, oldest: dict[str, int], at_ms: float) -> None:
        """Sets the gauge of every workflow; one that has no open instance any more goes."""
        for workflow in self._shown - oldest.keys():
            OLDEST_SECONDS.remove(workflow)
        for workflow, started_at_ms in oldest.items():
            OLDEST_SECONDS.labels(workflow).set(max(0.0, at_ms - started_at_ms) / 1_000)
        self._shown = set(oldest)
