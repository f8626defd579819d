"""Beside the stations, correlate: events and the instances that listen for them meet under their correlation key."""

from dataclasses import dataclass

from prometheus_client import Counter

from streams.ground.setting import Group, setting
from streams.ground.topic import DAY_MS
from streams.processors.hold import HELD
from streams.processors.orchestrate import CORRELATION, INBOX
from streams.runtime.declaration import Declaration


@dataclass(frozen=True, kw_only=True)
class CorrelateSettings(Group):
    """Events that instances listen for."""

    early_ms: int = setting(
        "EXLIFY_EARLY_EVENTS_MS",
        600_000,
        "How long an event that nobody listens for yet is kept, and a second delivery of one is known",
        minimum=1,
        maximum=7 * DAY_MS,
    )


CORRELATED = Counter(
    "exlify_correlated_events_total",
    "Events for instances that listen, or that start one together, by what became of them: given, kept, started, again "
    "(a second delivery), lost (kept in vain).",
    ["fate"],
)

DECLARATION = Declaration(
    name="correlate",
    summary="Gives events to the instances that listen for them, and starts those that several events start.",
    worker="engine",
    make="streams.processors.correlate.processor:Correlate",
    reads=(CORRELATION,),
    writes=(INBOX, HELD, CORRELATION),
    table="key",
    settings=(CorrelateSettings,),
    metrics=(CORRELATED,),
)
