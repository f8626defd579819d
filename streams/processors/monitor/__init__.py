"""Beside the stations, monitor: whether models are still as good as was certified.

    decisions ─▶ kept ── drawn ──▶ a blind task ─▶ people ─┐
    truth, audits, corrections ──▶ joined by decision id ──┴─▶ labels ─▶ evidence ── too much ──▶ suspended

Decisions, tasks and truth of an instance meet on its partition; labels of all partitions meet on one, where the
evidence is kept.
"""

from dataclasses import dataclass

from prometheus_client import Counter, Gauge

from streams.ground.setting import Group, setting
from streams.ground.topic import DAY_MS, Keyed, Topic
from streams.processors import human
from streams.processors.decide import DECISIONS, STATES
from streams.processors.human import TASKS
from streams.runtime.declaration import Declaration

TRUTH = Topic(
    name="monitor.truth.decision.v1", messages=("Truth",), written_by="the gateway", retention_ms=365 * DAY_MS
)
LABELS = Topic(
    name="monitor.record.label.v1",
    messages=("Label", "ModelDrift"),
    keyed=Keyed.NONE,
    key="name of the model",
    retention_ms=5 * 365 * DAY_MS,
)
LABEL_SETS = Topic(
    name="monitor.record.label-set.v1",
    messages=("LabelSet",),
    keyed=Keyed.NONE,
    key="name of the model, version of the set",
    compacted=True,
    written_by="models",
)
WATCHES = Topic(
    name="monitor.state.model.v1",
    messages=("ModelWatch",),
    keyed=Keyed.NONE,
    key="watch id",
    compacted=True,
)

AUDITS = Counter("exlify_audits_total", "Blind audits that were asked for, by model.", ["model"])
LABELLED = Counter(
    "exlify_labels_total",
    "Decisions of which it turned out what would have been right, by model, source, and what it is: right, wrong, "
    "later (not the first one), contradicting.",
    ["model", "source", "fate"],
)
STRAYS = Counter("exlify_truth_strays_total", "Truths that were given up, as no decision of their id has come.")
ERROR = Gauge("exlify_model_error_ratio", "Share of audited decisions that were wrong.", ["model", "version", "route"])
TARGET = Gauge(
    "exlify_model_error_target_ratio", "Largest share that the certificate allows.", ["model", "version", "route"]
)
EVIDENCE = Gauge(
    "exlify_model_error_evidence",
    "How much speaks for an error above the target; at 50000 the model is suspended.",
    ["model", "version", "route"],
)
DRIFTED = Gauge("exlify_model_drifted_fields", "Fields whose values have moved, by model.", ["model", "version"])


ITSELF = "exlify monitor"  # who has suspended a model, on record


@dataclass(frozen=True, kw_only=True)
class MonitorSettings(Group):
    """Watching models."""

    team: str = setting("EXLIFY_AUDIT_TEAM", "audit", "Team that is asked for blind audits of decisions")
    truth_days: int = setting(
        "EXLIFY_TRUTH_DAYS",
        365,
        "For how many days what turns out later can be told of a decision",
        minimum=1,
        maximum=1825,
    )


DECLARATION = Declaration(
    name="monitor",
    summary="Watches whether models are still as good as was certified.",
    worker="steps",
    make="streams.processors.monitor.processor:Monitor",
    reads=(DECISIONS, TASKS, TRUTH, LABELS),
    writes=(human.DECLARATION.commands, LABELS, WATCHES, STATES),
    follows=(STATES,),
    table="decision",
    settings=(MonitorSettings,),
    metrics=(AUDITS, LABELLED, STRAYS, ERROR, TARGET, EVIDENCE, DRIFTED),
    rows="streams.processors.monitor.rows:ROWS",
)
