"""Own functions at the gateway: what definitions are checked against, who hosts what, for whom steps wait, and which
processors nobody hosts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from schemas.functions import Function
from streams import processors
from streams.definitions.book import DefinitionBook
from streams.definitions.deploy import own_functions
from streams.definitions.own import OwnFunctions
from streams.gateway.metrics import UNHOSTED, UNHOSTED_PROCESSORS
from streams.gateway.services import Services
from streams.processors.functions import CARRIED_OUT_BY


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


async def there(ours: Services) -> frozenset[str]:
    """The processors, and the own functions that definitions call, that somebody hosts now."""
    return await ours.own.hosted({each.name for each in processors.ALL} | _called(ours.definitions))


def _called(book: DefinitionBook) -> set[str]:
    return {name for each in book.deployed() if each.graph for name in own_functions(each.graph, book.callable)}


async def count_unhosted(own: OwnFunctions, book: DefinitionBook) -> Mapping[str, int]:
    """Sets the metric to what is so now, and gives it: how many commands wait for each function that nobody hosts."""
    called = _called(book)
    absent = called - await own.hosted(called)
    waiting = await own.waiting(absent)
    UNHOSTED.clear()
    for name, count in waiting.items():
        UNHOSTED.labels(name).set(count)
    return waiting


async def look_for_hosts(own: OwnFunctions) -> frozenset[str]:
    """Sets the metric of processors that nobody hosts to what is so now, and names them."""
    names = {each.name for each in processors.ALL}
    absent = frozenset(names - await own.hosted(names))
    UNHOSTED_PROCESSORS.clear()
    for name in absent:
        UNHOSTED_PROCESSORS.labels(name).set(1)
    return absent
