"""Own functions at the gateway: what definitions are checked against, who hosts what, for whom steps wait, and which
processors nobody hosts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

import structlog

from schemas.functions import Function
from streams import processors
from streams.definitions.book import DefinitionBook
from streams.definitions.deploy import own_functions
from streams.definitions.own import OwnFunctions
from streams.gateway.metrics import UNHOSTED, UNHOSTED_PROCESSORS
from streams.gateway.services import Services
from streams.ground.errors import UnavailableError
from streams.processors.functions import CARRIED_OUT_BY

LOOK_S = 15.0

log = structlog.get_logger()


async def known_functions(ours: Services) -> Mapping[str, Function]:
    """Every function that a definition may call now."""
    announced = await ours.own.announced()
    own = {name: each for name, each in announced.items() if name not in ours.definitions.functions}
    return {**ours.definitions.functions, **own}


async def hosted(ours: Services, functions: Iterable[str]) -> frozenset[str]:
    """Those functions that somebody carries out now."""
    carriers = {name: CARRIED_OUT_BY.get(name, name) for name in functions}
    there = await ours.own.hosted(set(carriers.values()))
    return frozenset(name for name, carrier in carriers.items() if carrier in there)


@asynccontextmanager
async def unhosted_counted(own: OwnFunctions, book: DefinitionBook) -> AsyncIterator[None]:
    """Keeps `exlify_own_steps_unhosted` and `exlify_processor_unhosted` true for as long as the context lasts."""
    task = asyncio.create_task(_count_forever(own, book), name="own functions")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _count_forever(own: OwnFunctions, book: DefinitionBook) -> None:
    while True:
        try:
            await count_unhosted(own, book)
            await look_for_hosts(own)
        except UnavailableError as error:
            log.warning("own functions not looked at", reason=str(error))
        await asyncio.sleep(LOOK_S)


async def count_unhosted(own: OwnFunctions, book: DefinitionBook) -> None:
    """Sets the metric to what is so now."""
    called = {name for each in book.deployed() if each.graph for name in own_functions(each.graph, book.callable)}
    absent = called - await own.hosted(called)
    waiting = await own.waiting(absent)
    UNHOSTED.clear()
    for name, count in waiting.items():
        UNHOSTED.labels(name).set(count)


async def look_for_hosts(own: OwnFunctions) -> None:
    """Sets the metric of processors that nobody hosts to what is so now."""
    names = {each.name for each in processors.ALL}
    absent = names - await own.hosted(names)
    UNHOSTED_PROCESSORS.clear()
    for name in absent:
        UNHOSTED_PROCESSORS.labels(name).set(1)
