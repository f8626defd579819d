"""Beside the stations, assign: which person of a team a human task is for.

    tasks ── those that say `assign` ──▶ the desk ── who is expected to be done first ──▶ given (an action on the task)
                                          ▲   └── people.yaml: teams, skills, capacity, absence
      answered ── how long it took ───────┘

Tasks of all partitions go to one, since what somebody has, and how fast they are, is of all of them.
"""

from prometheus_client import Counter, Gauge

from streams.ground.topic import DAY_MS, Keyed, Topic
from streams.processors.human import ACTIONS, TASKS
from streams.runtime.declaration import Declaration

WORK = Topic(
    name="assign.record.work.v1",
    messages=("AssignWork",),
    keyed=Keyed.NONE,
    key="task id",
    retention_ms=90 * DAY_MS,
)

GIVEN = Counter(
    "exlify_tasks_given_total",
    "Tasks that were given to a person, by team and why: new, moved (away, or of the team no longer).",
    ["team", "why"],
)
UNPLACED = Gauge("exlify_tasks_unplaced", "Tasks that say `assign` and are given to nobody: all are full or away.")

ITSELF = "exlify assign"  # who gives, on record

DECLARATION = Declaration(
    name="assign",
    summary="Gives human tasks to the person who is expected to be done with them first.",
    worker="steps",
    make="streams.processors.assign.processor:Assign",
    reads=(TASKS, WORK),
    writes=(WORK, ACTIONS),
    table="desk",
    metrics=(GIVEN, UNPLACED),
)
