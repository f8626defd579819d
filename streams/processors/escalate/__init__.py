"""Beside the stations, escalate: what nobody has mended in time is told to those who can.

    incidents, deadlines, tasks, letters, models, systems, watchdogs ─▶ watch ── longer than the limit ──▶ cause
                            notify ◀─ notices ◀─ alert (acknowledged, silenced) ◀─────────────────┘

Causes are watched on the partition that their records have, alerts live on that of their own id.
"""

from prometheus_client import Counter

from streams.ground.topic import DAY_MS, Keyed, Topic
from streams.processors.call import REPORTS
from streams.processors.decide import STATES
from streams.processors.human import TASKS
from streams.processors.letters import LETTERS
from streams.processors.orchestrate import DEADLINES, INCIDENTS
from streams.runtime.declaration import Declaration

CAUSES = Topic(name="escalate.cause.alert.v1", messages=("AlertCause",), key="alert id")
ACTIONS = Topic(name="escalate.action.alert.v1", messages=("AlertAction",), key="alert id", written_by="the gateway")
WATCHDOGS = Topic(
    name="escalate.seen.watchdog.v1",
    messages=("WatchdogReport",),
    keyed=Keyed.NONE,
    key="kind and name",
    written_by="the gateway",
    retention_ms=3_600_000,
    config={"segment.ms": "900000"},
)
NOTICES = Topic(name="escalate.notice.alert.v1", messages=("StepCommand",), key="alert id")
ANSWERS = Topic(name="escalate.answer.alert.v1", messages=("StepResult",), key="alert id")
ALERTS = Topic(
    name="escalate.state.alert.v1",
    messages=("Alert",),
    key="alert id",
    compacted=True,
    config={"min.compaction.lag.ms": str(7 * DAY_MS), "delete.retention.ms": str(7 * DAY_MS)},
)

CHANGES = Counter(
    "exlify_alerts_total",
    "Alerts by kind and what became of them: opened, closed, acknowledged, silenced.",
    ["kind", "change"],
)
UNDELIVERED = Counter(
    "exlify_notices_undelivered_total",
    "Tries of a notice that did not arrive, or of which nobody knows whether it did, by channel and reason.",
    ["channel", "reason"],
)

DECLARATION = Declaration(
    name="escalate",
    summary="Raises alerts about what nobody has mended in time.",
    worker="steps",
    make="streams.processors.escalate.processor:Escalate",
    reads=(INCIDENTS, DEADLINES, TASKS, LETTERS, STATES, REPORTS, WATCHDOGS, CAUSES, ACTIONS, ANSWERS),
    writes=(CAUSES, NOTICES, ALERTS),
    table="alert",
    metrics=(CHANGES, UNDELIVERED),
    rows="streams.processors.escalate.rows:ROWS",
)
