"""Dashboards for Grafana, from the metrics that are declared: one for the whole at a glance, one for each thing to look
after, and one with every metric.

`make render` writes them into `infra/grafana`, as Grafana's own library makes them. Queries of the overview are written
here; those of all others follow from the kind of a metric and its labels, so a new metric has its panels at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prometheus_client.metrics import MetricWrapperBase

from infra.beneath import BENEATH
from infra.panels import RATE, Shown, board, quantile
from streams import catalogue
from streams.processors.orchestrate.ways import WORK

QUANTILES = (0.5, 0.99)
ENDED = "completed|faulted|cancelled"


def _instances(statuses: str, by: str = "workflow") -> str:
    return f'sum by ({by}) (rate(exlify_instances_total{{status=~"{statuses}"}}[{RATE}]))'


def _of_day(metric: str) -> str:
    """The greatest of those who tell it, then all versions."""
    completed = 'sum by (workflow) (max by (workflow, version) (exlify_day_instances{status="completed"}))'
    return f"sum by (workflow) (max by (workflow, version) ({metric})) / ({completed} > 0)"


def _of_steps(matches: str) -> str:
    work = "|".join(sorted(WORK))
    return f'max by (workflow, version, step, way) (exlify_day_step_seconds{{way{matches}"{work}"}})'


OVERVIEW: Mapping[str, Sequence[Shown]] = {
    "Flow": (
        Shown(
            title="Instances that begin",
            about="A second, by workflow.",
            queries=[(_instances("started"), "{{workflow}}")],
        ),
        Shown(
            title="Instances that end",
            about="A second, by how they end.",
            queries=[(_instances(ENDED, by="status"), "{{status}}")],
        ),
        Shown(
            title="From beginning to end",
            about="Half of the instances, and 99 of a hundred, take no longer.",
            unit="s",
            queries=[
                (quantile(q, "exlify_instance_seconds", "workflow"), f"{{{{workflow}}}} {q:g}") for q in QUANTILES
            ],
        ),
    ),
    "Failures": (
        Shown(
            title="Share that faults",
            about="Of the instances that end.",
            unit="percentunit",
            queries=[
                (f"({_instances('faulted')} or 0 * {_instances(ENDED)}) / ({_instances(ENDED)} > 0)", "{{workflow}}")
            ],
        ),
        Shown(
            title="Failed steps that wait for a decision",
            about="By reason. `exlify incidents` says what failed.",
            queries=[("sum by (workflow, reason) (exlify_incidents_open)", "{{workflow}} {{reason}}")],
        ),
        Shown(
            title="Oldest instance that has not ended",
            about="Rising without end: something is stuck.",
            unit="s",
            queries=[("max by (workflow) (exlify_oldest_instance_seconds)", "{{workflow}}")],
        ),
        Shown(
            title="Steps by result",
            about="A second. OK is well, the rest are reasons of failures.",
            queries=[(f"sum by (result) (rate(exlify_steps_total[{RATE}]))", "{{result}}")],
        ),
        Shown(
            title="Parked records, and steps in doubt",
            about="Each wants somebody who looks.",
            queries=[
                ("sum by (processor) (exlify_parked_records_total)", "parked by {{processor}}"),
                ("sum by (function) (exlify_steps_in_doubt_total)", "in doubt {{function}}"),
            ],
        ),
        Shown(
            title="Systems that are not called",
            about="1 for a connection that has failed repeatedly.",
            queries=[("max by (connection) (exlify_breaker_open)", "{{connection}}")],
        ),
    ),
    "Efficiency": (
        Shown(
            title="Automation rate",
            about="Of the instances of a day that completed, those for which nobody was asked.",
            unit="percentunit",
            queries=[(_of_day("exlify_day_without_people"), "{{workflow}}")],
        ),
        Shown(
            title="First-time-right",
            about="Of the instances of a day that completed, those in which nothing had to be mended.",
            unit="percentunit",
            queries=[(_of_day("exlify_day_first_time_right"), "{{workflow}}")],
        ),
        Shown(
            title="Decisions of models",
            about="A second, by route.",
            queries=[(f"sum by (model, route) (rate(exlify_decisions_total[{RATE}]))", "{{model}} {{route}}")],
        ),
    ),
    "Speed": (
        Shown(
            title="Records that wait",
            about="Written and not read yet, by processor. Rising: add workers.",
            queries=[("sum by (processor) (exlify_consumer_lag_records)", "{{processor}}")],
        ),
        Shown(
            title="From a record to its handling",
            about="99 of a hundred take no longer.",
            unit="s",
            queries=[(quantile(0.99, "exlify_hop_seconds", "processor"), "{{processor}}")],
        ),
        Shown(
            title="Calls to systems",
            about="99 of a hundred take no longer.",
            unit="s",
            queries=[(quantile(0.99, "exlify_call_seconds", "function"), "{{function}}")],
        ),
    ),
    "Cost": (
        Shown(
            title="What a case costs",
            about="The mean of the newest of a day, as connections, models and teams declare. Empty where none does.",
            queries=[("max by (workflow, version) (exlify_day_cost)", "{{workflow}} {{version}}")],
        ),
        Shown(
            title="Where its time goes: work",
            about="Of the newest of a day, the mean for each step: computing, and systems outside.",
            unit="s",
            queries=[(_of_steps("=~"), "{{workflow}} {{step}}")],
        ),
        Shown(
            title="Where its time goes: waiting",
            about="The rest: people, decisions about failures, next tries, the clock, other workflows.",
            unit="s",
            queries=[(_of_steps("!~"), "{{workflow}} {{step}} {{way}}")],
        ),
    ),
}

SUBJECTS: Mapping[str, tuple[str, Sequence[str]]] = {
    "processors": ("processors and lag", ("Every processor", "exlify_processor_unhosted")),
    "decisions": ("decisions", ("Decide", "Monitor")),
    "systems": ("systems and breakers", ("Call", "Own steps", "exlify_own_steps_unhosted")),
    "people": (
        "people",
        ("exlify_tasks_open", "exlify_tasks_overdue", "exlify_oldest_task_seconds", "exlify_day_without_people"),
    ),
    "incidents": (
        "incidents and letters",
        ("exlify_incidents_open", "exlify_oldest_incident_seconds", "Recover", "Letters", "exlify_alerts_open",
         "Escalate"),
    ),
}  # fmt: skip
"""What is looked after, by the name of its dashboard: the title, and owners of metrics or single metrics."""


def _subject(names: Sequence[str]) -> list[Shown]:
    one = {metric._name: metric for metric in catalogue.METRICS}
    return [shown(metric) for name in names for metric in catalogue.METRICS_OF.get(name) or (one[name],)]


def details() -> Mapping[str, Sequence[Shown]]:
    """Every metric, by its owner."""
    return {owner: [shown(metric) for metric in metrics] for owner, metrics in catalogue.METRICS_OF.items()}


def shown(metric: MetricWrapperBase) -> Shown:
    """The panel of a metric: the rate of what counts, the quantiles of what is measured, else the value."""
    name, labels = metric._name, metric._labelnames  # told by no public member
    legend = " ".join(f"{{{{{label}}}}}" for label in labels) or "all"
    by = f" by ({', '.join(labels)})" if labels else ""
    if metric._type == "counter":
        queries = [(f"sum{by} (rate({name}_total[{RATE}]))", legend)]
    elif metric._type == "histogram":
        queries = [(quantile(q, name, *labels), f"{legend} {q:g}") for q in QUANTILES]
    else:
        queries = [(f"max{by} ({name})", legend)]
    unit = "s" if name.endswith("_seconds") else "short"
    return Shown(title=name.removeprefix("exlify_"), about=metric._documentation, queries=queries, unit=unit)


def boards() -> Mapping[str, str]:
    """The dashboards as Grafana takes them, by the name of their file."""
    return {
        "overview.json": board("Exlify: overview", "exlify-overview", OVERVIEW),
        **{
            f"{name}.json": board(f"Exlify: {title}", f"exlify-{name}", {title.capitalize(): _subject(names)})
            for name, (title, names) in SUBJECTS.items()
        },
        "kafka.json": board("Exlify: the Kafka beneath", "exlify-kafka", BENEATH),
        "details.json": board("Exlify: every metric", "exlify-details", details()),
    }
