"""Beside the stations, replay: past events are processed anew, and what becomes of them is compared with what became.

A replay is a thing with a name; a shadow is one whose events are those to come. What it makes stays on topics of its
own: no instance, outcome, decision or task of a replay is among those of the business.
"""

from dataclasses import dataclass

from prometheus_client import Counter

from streams.ground.setting import Group, setting
from streams.ground.topic import DAY_MS, Keyed, Topic
from streams.processors.call import CallSettings
from streams.processors.call.connections import ConnectionSettings
from streams.processors.intake import IntakeSettings
from streams.readmodel.settings import ViewSettings
from streams.runtime.declaration import Declaration

ACTIONS = Topic(
    name="replay.action.replay.v1",
    messages=("ReplayAction", "ReplayTurn"),
    keyed=Keyed.HASH,
    key="name of the replay",
    written_by="the gateway",
)
STATES = Topic(
    name="replay.state.replay.v1",
    messages=("ReplayState",),
    keyed=Keyed.HASH,
    key="name of the replay",
    compacted=True,
)
RESULTS = Topic(name="replay.record.result.v1", messages=("ReplayResult",), retention_ms=90 * DAY_MS)
OUTCOMES = Topic(name="replay.record.outcome.v1", messages=("InstanceOutcome",), retention_ms=7 * DAY_MS)

HEADER = "ce_replay"
"""Header of an outcome on the topic of replays, an extension of its CloudEvent: the name of the replay."""

REPLAYED = Counter(
    "exlify_replayed_total",
    "Past events that were processed anew, by workflow and what that showed: same, changed, unanswered.",
    ["workflow", "result"],
)


@dataclass(frozen=True, kw_only=True)
class ReplaySettings(Group):
    """Replays of past events."""

    max_rate: int = setting(
        "EXLIFY_REPLAY_MAX_RATE", 1_000, "Events a second that one replay processes at most", minimum=1
    )
    yields_at: int = setting(
        "EXLIFY_REPLAY_YIELDS_AT",
        1_000,
        "Records before intake or the engine from which on replays wait, so that live events go first",
        minimum=1,
    )


DECLARATION = Declaration(
    name="replay",
    summary="Processes past events anew, and compares.",
    worker="replay",
    make="streams.processors.replay.processor:Replay",
    reads=(ACTIONS,),
    writes=(ACTIONS, STATES, RESULTS, OUTCOMES),
    table="replay",
    settings=(ReplaySettings, IntakeSettings, ViewSettings, CallSettings, ConnectionSettings),
    metrics=(REPLAYED,),
    rows="streams.processors.replay.rows:ROWS",
    background=True,
)
