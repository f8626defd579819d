"""What cases cost as a metric: the mean of the newest instances that began within a day, by workflow and version.

Nothing is looked at while nothing is declared to cost anything.
"""

from __future__ import annotations

import asyncio
import time

import structlog
from sqlalchemy.exc import SQLAlchemyError

from streams.ground.errors import UnavailableError
from streams.ground.spans import DAY
from streams.processors.call.connections import Addresses
from streams.processors.context import Context
from streams.processors.costs import Costs
from streams.processors.view import DAY_COST
from streams.processors.view.bottlenecks import bottlenecks
from streams.processors.view.gauges import Gauges, Labels
from streams.processors.view.reader import Reader
from streams.processors.view.report import figures

EVERY_S = 15.0
REST = 20  # times as long as it took
LOOKED_AT = 50  # instances of a version
MOST_VERSIONS = 25

log = structlog.get_logger()


class DayCosts:
    """Keeps the gauge true."""

    def __init__(self, reader: Reader, context: Context) -> None:
        self._reader, self._gauges = reader, Gauges()
        self._codec, self._definitions = context.codec, context.definitions
        self._costs = Costs(Addresses(context.settings, context.site), context.site, context.models)

    async def keep(self) -> None:
        """Asks again and again, until it is cancelled."""
        while True:
            begun = time.monotonic()
            try:
                await self.look(int(time.time() * 1_000))
            except (SQLAlchemyError, UnavailableError) as error:
                log.warning("costs are not known", reason=type(error).__name__)
            await asyncio.sleep(max(EVERY_S, REST * (time.monotonic() - begun)))

    async def look(self, at_ms: int) -> None:
        """Sets the gauge. Raises SQLAlchemyError, UnavailableError."""
        prices = await asyncio.to_thread(self._costs.prices)
        values: dict[Labels, float] = {}
        if any((*prices.connections.values(), *prices.models.values(), *prices.teams.values())):
            await self._definitions.start()
            known = await asyncio.to_thread(figures, self._reader, at_ms - DAY, at_ms)
            for each in sorted(known, key=lambda version: -version.started)[:MOST_VERSIONS]:
                of = {"workflow": each.workflow, "version": each.version}
                found = await bottlenecks(
                    self._reader, self._codec, self._definitions.graph, of, at_ms - DAY, LOOKED_AT, at_ms, prices
                )
                if found.looked_at:
                    cost = sum(totals.cost for totals in found.versions.values())
                    values[each.workflow, each.version] = cost / found.looked_at
        self._gauges.show(DAY_COST, values)
