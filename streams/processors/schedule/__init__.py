"""Beside intake, schedule: workflows that start by time (`schedule.every`, `cron`, `after`)."""

from prometheus_client import Counter

from streams.definitions import DEFINITIONS
from streams.ground.topic import Keyed, Topic
from streams.processors.orchestrate import INBOX
from streams.runtime.declaration import Declaration

ENDED = Topic(
    name="schedule.ended.instance.v1", messages=("InstanceOutcome",), keyed=Keyed.NONE, key="name of the workflow"
)

STARTS = Counter(
    "exlify_scheduled_starts_total",
    "Times at which a workflow was to start by itself, by what became of them: started, missed, not active, no work.",
    ["workflow", "fate"],
)

DECLARATION = Declaration(
    name="schedule",
    summary="Starts workflows by time.",
    worker="steps",
    make="streams.processors.schedule.processor:Schedules",
    reads=(DEFINITIONS, ENDED),
    writes=(INBOX, ENDED),
    table="plan",
    metrics=(STARTS,),
)
