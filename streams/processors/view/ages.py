"""How old the oldest open instance and incident of each workflow are: the gauges that rise when something is stuck."""

from __future__ import annotations

import asyncio
import time

import structlog
from sqlalchemy.exc import SQLAlchemyError

from streams.processors.view import (
    ALERTS_OPEN,
    IDLE_SECONDS,
    INCIDENTS_OPEN,
    OLDEST_INCIDENT_SECONDS,
    OLDEST_SECONDS,
    UNDO_SECONDS,
    open_tasks,
)
from streams.processors.view.gauges import Gauges
from streams.processors.view.reader import Reader

EVERY_S = 15.0

log = structlog.get_logger()


class Ages:
    """Keeps `exlify_oldest_instance_seconds`, and what else counts what waits, true."""

    def __init__(self, reader: Reader) -> None:
        self._sources = (
            (OLDEST_SECONDS, reader.oldest),
            (OLDEST_INCIDENT_SECONDS, reader.oldest_incidents),
            (IDLE_SECONDS, reader.idlest),
            (UNDO_SECONDS, reader.slowest_undos),
        )
        self._reader, self._gauges = reader, Gauges()

    async def keep(self) -> None:
        """Asks again and again, also while nothing arrives; until it is cancelled."""
        while True:
            try:
                await asyncio.to_thread(self.look, time.time() * 1_000)
            except SQLAlchemyError:
                log.warning("ages are not known", reason="the read model does not answer")
            await asyncio.sleep(EVERY_S)

    def look(self, at_ms: float) -> None:
        """Sets the gauges; a workflow that has nothing open any more goes. Blocks; raises SQLAlchemyError."""
        for gauge, source in self._sources:
            ages = {(workflow,): max(0.0, at_ms - since_ms) / 1_000 for workflow, since_ms in source().items()}
            self._gauges.show(gauge, ages)
        self._gauges.show(INCIDENTS_OPEN, self._reader.incidents_open())
        self._gauges.show(ALERTS_OPEN, self._reader.alerts_open())
        open_tasks.show(self._reader, self._gauges, at_ms)
