"""Everything that is computed from the declarations; nothing here is written by hand.

The lists are `processors.ALL` and `connectors.catalogue.CONNECTORS`, and below the groups of settings whose owner is no
processor. Light: what is named by a path in a declaration is not loaded.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from schemas.functions import Function, by_name
from streams import definitions
from streams.files import metrics as file_metrics
from streams.gateway import metrics as gateway_metrics
from streams.gateway.settings import GatewaySettings, HookSettings, TaskSettings
from streams.ground import site_metrics
from streams.ground.errors import UsageError
from streams.ground.publish_settings import PublishSettings
from streams.ground.servers import ServerSettings
from streams.ground.setting import Group
from streams.ground.settings import Settings, load, on_stderr
from streams.ground.topic import Topic
from streams.messages import metrics as message_metrics
from streams.processors import ALL, own
from streams.processors.call import PAUSES, REPORTS
from streams.processors.context import Context
from streams.readmodel.settings import ViewSettings
from streams.rows import POSITIONS
from streams.rows import metrics as row_metrics
from streams.runtime import metrics as runtime_metrics
from streams.runtime.declaration import Declaration
from streams.runtime.parking import PARKING
from streams.runtime.settings import RuntimeSettings

if TYPE_CHECKING:
    from prometheus_client.metrics import MetricWrapperBase

    from schemas.codec import Codec
    from streams.definitions.book import DefinitionBook
    from streams.ground.site import Site
    from streams.runtime.processor import Processor
    from streams.steps.loading import Steps

FUNCTIONS: Mapping[str, Function] = MappingProxyType(by_name(*(each.functions for each in ALL)))
"""Every function that a definition can call."""

PROCESSORS: Mapping[str, Declaration] = MappingProxyType({each.name: each for each in ALL})
"""Every processor by name."""

METRICS_OF: Mapping[str, Sequence[MetricWrapperBase]] = MappingProxyType(
    {
        "Every processor": runtime_metrics.ALL,
        "Definitions": definitions.METRICS,
        "Gateway": gateway_metrics.ALL,
        "Site": site_metrics.ALL,
        "Files": file_metrics.ALL,
        "Messages": message_metrics.ALL,
        "Rows": row_metrics.ALL,
        **{each.name.capitalize(): each.metrics for each in ALL if each.metrics},
        "Own steps": own.METRICS,
    }
)
"""Every metric of every process, by its owner in words."""

METRICS = tuple(metric for owned in METRICS_OF.values() for metric in owned)
"""All of them."""

APART: tuple[type[Group], ...] = (
    Settings,
    GatewaySettings,
    HookSettings,
    TaskSettings,
    PublishSettings,
    RuntimeSettings,
    ViewSettings,
    ServerSettings,
)
"""Groups of settings whose owner is no processor; the first is everybody's."""

GROUPS: tuple[type[Group], ...] = tuple(
    dict.fromkeys([*APART, *(group for each in ALL for group in each.settings), *own.SETTINGS])
)
"""Every group of settings."""


def load_settings(environ: Mapping[str, str] = os.environ, warn: Callable[[str], None] = on_stderr) -> Settings:
    """All settings from the environment; see `load`."""
    return load(GROUPS, environ, warn)


def topics(settings: Settings) -> tuple[Topic, ...]:
    """Every topic that must exist before a worker starts; outcome topics come with their workflow's deployment."""
    declared = (topic for each in ALL for topic in each.topics(settings))
    others = (definitions.DEFINITIONS, definitions.OWN_FUNCTIONS, PAUSES, REPORTS, PARKING, POSITIONS)
    return tuple(dict.fromkeys((*declared, *others)))


def own_topics(settings: Settings, steps: Steps) -> tuple[Topic, ...]:
    """The topics of own steps, which come with the worker that hosts them."""
    declared = (topic for each in own.all_declared(steps) for topic in each.topics(settings))
    return tuple(dict.fromkeys((*declared, definitions.OWN_FUNCTIONS)))


def writers(topic: Topic) -> tuple[str, ...]:
    """Who writes a topic: processors, and whoever else its declaration names."""
    names = [each.name for each in ALL if topic in (*each.writes, each.changelog) or each.buries_in(topic)]
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


def shared_workers() -> tuple[str, ...]:
    """The kinds of worker of which there can be several side by side."""
    single = {each.worker for each in ALL if each.alone or each.background}
    return tuple(name for name in workers() if name not in single)


def functions(steps: Steps) -> Mapping[str, Function]:
    """Every function that a definition can call where these are there, too. Raises UsageError for a name taken."""
    taken = [step for step in steps if step.name in FUNCTIONS]
    if taken:
        place = f"{taken[0].file}:{taken[0].line}"
        raise UsageError(f"{place}: there is a function {taken[0].name} already. Give the step another name.")
    return {**FUNCTIONS, **{step.name: step.function for step in steps}}


def processors(steps: Steps) -> Mapping[str, Declaration]:
    """Every processor by name, with those of own steps."""
    return {**PROCESSORS, **{each.name: each for each in own.all_declared(steps)}}


def make_processors(
    names: Sequence[str], settings: Settings, codec: Codec, known: DefinitionBook, site: Site, steps: Steps = ()
) -> list[Processor]:
    """The named processors, loaded and made. Raises UsageError for a name that is none."""
    found = processors(steps)
    unknown = [name for name in names if name not in found]
    if unknown:
        raise UsageError(f"no processor named {', '.join(unknown)}. There are: {', '.join(found)}.")
    from streams.processors.decide.states import ModelFeed  # loaded where processors are, and nowhere else

    context = Context(
        settings=settings,
        codec=codec,
        definitions=known,
        declarations=tuple(found.values()),
        site=site,
        models=ModelFeed(settings, codec),
        steps={step.name: step for step in steps},
    )
    return [own.made(found[name], context) for name in names]
