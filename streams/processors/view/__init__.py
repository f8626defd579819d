"""Station 6, view: what happened becomes rows that people can query."""

from prometheus_client import Gauge

from streams.processors.call import REDELIVERIES
from streams.processors.call.connections import ConnectionSettings
from streams.processors.decide import DECISIONS
from streams.processors.escalate import ALERTS
from streams.processors.hold import COUNTS
from streams.processors.human import TASKS
from streams.processors.letters import LETTERS
from streams.processors.monitor import LABEL_SETS, WATCHES
from streams.processors.orchestrate import ACTS, HISTORY, INCIDENTS
from streams.processors.recover import RETRIES
from streams.processors.replay import RESULTS, STATES
from streams.readmodel.settings import ViewSettings
from streams.runtime.declaration import Declaration

OLDEST_SECONDS = Gauge(
    "exlify_oldest_instance_seconds",
    "Age of the oldest instance that has not ended. Rising without end: something is stuck.",
    ["workflow"],
)

OLDEST_INCIDENT_SECONDS = Gauge(
    "exlify_oldest_incident_seconds",
    "Age of the oldest failed step that waits for a decision. Gone where there is none.",
    ["workflow"],
)

IDLE_SECONDS = Gauge(
    "exlify_idle_instance_seconds",
    "How long ago the running instance moved that has not moved for longest; those that wait for a next try apart.",
    ["workflow"],
)

UNDO_SECONDS = Gauge(
    "exlify_undo_standing_seconds",
    "How long ago the undo got on that has not got on for longest: of an instance that is undone before it ends.",
    ["workflow"],
)

INCIDENTS_OPEN = Gauge(
    "exlify_incidents_open",
    "Failed steps that wait for a decision, by why they failed and the team that is asked.",
    ["workflow", "reason", "owner"],
)

TASKS_OPEN = Gauge("exlify_tasks_open", "Tasks that wait for somebody, by team.", ["team"])
TASKS_OVERDUE = Gauge("exlify_tasks_overdue", "Those of them that are past their due.", ["team"])
OLDEST_TASK_SECONDS = Gauge(
    "exlify_oldest_task_seconds", "Age of the oldest of them. Gone where there is none.", ["team"]
)

ALERTS_OPEN = Gauge("exlify_alerts_open", "Alerts that have not ended, by kind and severity.", ["kind", "severity"])

# Of several views that share a database each tells the same: take the greatest, not the sum.
DAY_INSTANCES = Gauge(
    "exlify_day_instances",
    "Instances that began within a day, by how they stand: open, completed, faulted, cancelled.",
    ["workflow", "version", "status"],
)
DAY_WITHOUT_PEOPLE = Gauge(
    "exlify_day_without_people",
    "Those of them that have completed without asking anybody. By the completed: the automation rate.",
    ["workflow", "version"],
)
DAY_FIRST_TIME_RIGHT = Gauge(
    "exlify_day_first_time_right",
    "Those of them that have completed with no step tried again, and none that somebody had to decide about.",
    ["workflow", "version"],
)
DAY_SECONDS = Gauge(
    "exlify_day_instance_seconds",
    "How long those of them that have completed took, on average.",
    ["workflow", "version"],
)
DAY_COST = Gauge(
    "exlify_day_cost",
    "What the newest of them cost on average, as connections, models and teams are declared to.",
    ["workflow", "version"],
)
RECENT_COMPLETED = Gauge(
    "exlify_recent_completed",
    "Those of them that completed within the window (5m, 30m, 1h, 6h), by whether anybody was asked (yes, no).",
    ["workflow", "window", "asked"],
)
DAY_STEP_SECONDS = Gauge(
    "exlify_day_step_seconds",
    "How long the newest of them spent at a step, on average, by what that went to: working and systems are work, all "
    "else is waiting.",
    ["workflow", "version", "step", "way"],
)

DECLARATION = Declaration(
    name="view",
    summary="Makes what happened visible to people.",
    worker="view",
    alone=True,
    make="streams.processors.view.processor:View",
    reads=(
        HISTORY,
        INCIDENTS,
        TASKS,
        DECISIONS,
        RETRIES,
        LETTERS,
        COUNTS,
        ACTS,
        STATES,
        RESULTS,
        ALERTS,
        WATCHES,
        LABEL_SETS,
        REDELIVERIES,
    ),
    settings=(ViewSettings, ConnectionSettings),
    metrics=(
        OLDEST_SECONDS,
        OLDEST_INCIDENT_SECONDS,
        IDLE_SECONDS,
        UNDO_SECONDS,
        INCIDENTS_OPEN,
        TASKS_OPEN,
        TASKS_OVERDUE,
        OLDEST_TASK_SECONDS,
        ALERTS_OPEN,
        DAY_INSTANCES,
        DAY_WITHOUT_PEOPLE,
        DAY_FIRST_TIME_RIGHT,
        DAY_SECONDS,
        DAY_COST,
        RECENT_COMPLETED,
        DAY_STEP_SECONDS,
    ),
)
