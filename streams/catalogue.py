"""Everything that is computed from the declarations; nothing here is written by hand.

The lists are `processors.ALL` and `connectors.catalogue.CONNECTORS`. Light: what is named by a path in a declaration is
not loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from schemas.functions import Function, by_name
from streams import definitions
from streams.gateway import metrics as gateway_metrics
from streams.ground import site_metrics
from streams.ground.errors import UsageError
from streams.ground.settings import Settings
from streams.ground.topic import Topic
from streams.processors import ALL
from streams.processors.context import Context
from streams.runtime import metrics as runtime_metrics
from streams.runtime.declaration import Declaration, loaded
from streams.runtime.parking import PARKING

if TYPE_CHECKING:
    from schemas.codec import Codec
    from streams.definitions.book import DefinitionBook
    from streams.runtime.processor import Processor

FUNCTIONS: Mapping[str, Function] = MappingProxyType(by_name(*(each.functions for each in ALL)))
"""Every function that a definition can call."""

PROCESSORS: Mapping[str, Declaration] = MappingProxyType({each.name: each for each in ALL})
"""Every processor by name."""

METRICS = (
    *runtime_metrics.ALL,
    *definitions.METRICS,
    *gateway_metrics.ALL,
    *site_metrics.ALL,
    *(metric for each in ALL for metric in each.metrics),
)
"""Every metric of every process."""


def topics(settings: Settings) -> tuple[Topic, ...]:
    """Every topic that must exist before a worker starts; outcome topics come with their workflow's deployment."""
    declared = (topic for each in ALL for topic in each.topics(settings))
    return tuple(dict.fromkeys((*declared, definitions.DEFINITIONS, PARKING)))


def writers(topic: Topic) -> tuple[str, ...]:
    """Who writes a topic: processors, and whoever else its declaration names."""
    names = [each.name for each in ALL if topic in each.writes or topic == each.changelog]
    return (*names, *((topic.written_by,) if topic.written_by else ()))


def carried_out_by(function: str) -> Declaration:
    """The processor of a function; raises KeyError for one that is none."""
    return PROCESSORS[next(each.name for each in ALL if any(known.name == function for known in each.functions))]


def workers() -> dict[str, tuple[str, ...]]:
    """The worker processes of a local system, and the processors that each hosts."""
    hosts: dict[str, tuple[str, ...]] = {}
    for each in ALL:
        hosts[each.worker] = (*hosts.get(each.worker, ()), each.name)
    return hosts


def make_processors(names: Sequence[str], settings: Settings, codec: Codec, known: DefinitionBook) -> list[Processor]:
    """The named processors, loaded and made. Raises UsageError for a name that is none."""
    unknown = [name for name in names if name not in PROCESSORS]
    if unknown:
        raise UsageError(f"no processor named {', '.join(unknown)}. There are: {', '.join(PROCESSORS)}.")
    context = Context(settings=settings, codec=codec, definitions=known, declarations=ALL)
    return [loaded(PROCESSORS[name].make)(context) for name in names]
