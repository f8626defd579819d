"""Models of the store, kept up to date on a machine whose process only looks at them: the gateway, with its pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from streams.ground.beside import beside
from streams.ground.settings import Settings
from streams.processors.decide.pins import LOOK_S
from streams.processors.decide.places import store

log = structlog.get_logger()


@asynccontextmanager
async def bringing(settings: Settings) -> AsyncIterator[None]:
    """Looks at the store again and again for as long as the context lasts, if there is one."""
    found = store(settings)
    if found is None:
        yield
        return

    async def forever() -> None:
        told: str | None = None
        while True:
            await asyncio.to_thread(found.look)
            if found.fault != told:
                told = found.fault
                log.warning("store of models", fault=told) if told else log.info("store of models can be used again")
            await asyncio.sleep(LOOK_S)

    async with beside(forever(), "store of models"):
        yield
