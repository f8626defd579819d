"""Beside the stations, lifecycle: what happens to instances and tasks, as the language's own events, for subscribers.

Off unless EXLIFY_LIFECYCLE_EVENTS says otherwise: it reads history only then, and nobody waits for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import Counter

from streams.definitions import DEFINITIONS
from streams.ground.setting import Group, setting
from streams.ground.settings import Settings
from streams.ground.topic import DAY_MS, Topic
from streams.processors.orchestrate import HISTORY
from streams.runtime.declaration import Declaration

OFF, INSTANCES, TASKS, OUTPUTS = "off", "instances", "tasks", "outputs"


@dataclass(frozen=True, kw_only=True)
class LifecycleSettings(Group):
    """Events about instances and tasks."""

    told: str = setting(
        "EXLIFY_LIFECYCLE_EVENTS",
        OFF,
        "Which lifecycle events of the language are published: of instances, of their tasks too, and with what both "
        "give, which may be personal data",
        choices=(OFF, INSTANCES, TASKS, OUTPUTS),
    )


LIFECYCLE = Topic(name="lifecycle.event.instance.v1", messages=(), retention_ms=7 * DAY_MS)


def _history(settings: Settings) -> tuple[Topic, ...]:
    return () if settings.of(LifecycleSettings).told == OFF else (HISTORY,)


EVENTS = Counter("exlify_lifecycle_events_total", "Lifecycle events published, by type.", ["type"])

DECLARATION = Declaration(
    name="lifecycle",
    summary="Publishes what happens to instances and tasks as CloudEvents of the language.",
    worker="view",
    make="streams.processors.lifecycle.processor:Lifecycle",
    reads=(DEFINITIONS,),
    reads_by_setting=_history,
    writes=(LIFECYCLE,),
    settings=(LifecycleSettings,),
    metrics=(EVENTS,),
)
