"""Own steps: functions of the user, each a processor of its own, with a topic for its commands and a table.

A step processor like the others. What it carries out is given by the worker that hosts it, so there is no fixed
declaration but a way to make one. A pure function keeps no table: it may be computed again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prometheus_client import Counter, Gauge, Histogram

from streams.ground.metrics import SECONDS as BUCKETS
from streams.ground.setting import Group, setting
from streams.processors.orchestrate import INBOX
from streams.runtime.declaration import Declaration, loaded
from streams.steps.declared import Step

if TYPE_CHECKING:
    from streams.processors.context import Context
    from streams.runtime.processor import Processor

WORKER = "own-steps"

SECONDS = Histogram(
    "exlify_own_step_seconds",
    "From the moment an own step begins to its result, for each try; of a pure one, its computing.",
    ["function", "result"],
    buckets=BUCKETS,
)
LOST = Gauge(
    "exlify_own_threads_lost",
    "Threads of own steps that were given up and have not ended since. Rising: look for what blocks in the function.",
    ["function"],
)
COUNTS = Counter(
    "exlify_own_counts_total",
    "What own steps count themselves, by `Context.count`.",
    ["function", "name"],
)


@dataclass(frozen=True, kw_only=True)
class OwnStepsSettings(Group):
    """Own steps."""

    concurrency: int = setting(
        "EXLIFY_STEPS_CONCURRENCY", 256, "Steps of one function under way at once in one worker", minimum=1
    )


SETTINGS = (OwnStepsSettings,)
METRICS = (SECONDS, LOST, COUNTS)


def declared(step: Step[..., Any]) -> Declaration:
    """The processor of an own function, called after it."""
    return Declaration(
        name=step.name,
        summary=step.function.summary,
        worker=WORKER,
        make="streams.processors.own.pure:Pure" if step.pure else "streams.processors.own.processor:OwnStep",
        writes=(INBOX,),
        table=None if step.pure else "step",
        buries=True,
        functions=(step.function,),
    )


def made(declaration: Declaration, context: Context) -> Processor:
    """A processor, loaded and made; that of an own function with its step."""
    step = context.steps.get(declaration.name)
    found: Processor = loaded(declaration.make)(context) if step is None else loaded(declaration.make)(context, step)
    return found


def all_declared(steps: Iterable[Step[..., Any]]) -> tuple[Declaration, ...]:
    """The processors of several."""
    return tuple(map(declared, steps))
