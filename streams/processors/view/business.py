"""The figures of the business as metrics: of the instances that began within a day, by workflow and version."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import structlog
from prometheus_client import Gauge
from sqlalchemy.exc import SQLAlchemyError

from streams.ground.spans import DAY
from streams.processors.view import (
    DAY_FIRST_TIME_RIGHT,
    DAY_INSTANCES,
    DAY_SECONDS,
    DAY_WITHOUT_PEOPLE,
    RECENT_COMPLETED,
)
from streams.processors.view.gauges import Gauges, Labels
from streams.processors.view.reader import Reader
from streams.processors.view.report import Figures, figures, recent

EVERY_S = 15.0
REST = 50  # times as long as it took: where a day has millions of instances, they are counted less often

log = structlog.get_logger()


class Business:
    """Keeps the gauges of the last day true."""

    def __init__(self, reader: Reader) -> None:
        self._reader, self._gauges = reader, Gauges()

    async def keep(self) -> None:
        """Asks again and again, until it is cancelled."""
        while True:
            begun = time.monotonic()
            try:
                await asyncio.to_thread(self.look, int(time.time() * 1_000))
            except SQLAlchemyError:
                log.warning("figures are not known", reason="the read model does not answer")
            await asyncio.sleep(max(EVERY_S, REST * (time.monotonic() - begun)))

    def look(self, at_ms: int) -> None:
        """Sets the gauges; a version that began nothing within the day goes. Blocks; raises SQLAlchemyError."""
        values: dict[Gauge, dict[Labels, float]] = {
            DAY_INSTANCES: {}, DAY_WITHOUT_PEOPLE: {}, DAY_FIRST_TIME_RIGHT: {}, DAY_SECONDS: {},
        }  # fmt: skip
        for each in figures(self._reader, at_ms - DAY, at_ms):
            for gauge, labels, value in _series(each):
                values[gauge][labels] = value
        for gauge, series in values.items():
            self._gauges.show(gauge, series)
        self._gauges.show(RECENT_COMPLETED, recent(self._reader, at_ms - DAY, at_ms))


def _series(each: Figures) -> Iterator[tuple[Gauge, Labels, float]]:
    of = (each.workflow, each.version)
    for status in ("open", "completed", "faulted", "cancelled"):
        yield DAY_INSTANCES, (*of, status), getattr(each, status)
    if each.completed and each.mean_ms is not None:
        yield DAY_WITHOUT_PEOPLE, of, each.without_people
        yield DAY_FIRST_TIME_RIGHT, of, each.first_time_right
        yield DAY_SECONDS, of, each.mean_ms / 1_000
