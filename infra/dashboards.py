"""Dashboards for Grafana, from the metrics that are declared: one for the whole at a glance, and one with every metric.

`make render` writes them into `infra/grafana`, as Grafana's own library makes them. A query of the overview is written
here; those of the details follow from the kind of a metric and its labels, so a new metric has its panel at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from grafana_foundation_sdk.builders.common import VizLegendOptions
from grafana_foundation_sdk.builders.dashboard import Dashboard, DatasourceVariable, Row
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement
from grafana_foundation_sdk.models.dashboard import DataSourceRef
from prometheus_client.metrics import MetricWrapperBase

from streams import catalogue

RATE = "$__rate_interval"  # Grafana fills it in: four scrapes at least
QUANTILES = (0.5, 0.99)
SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")
WIDTH, HEIGHT = 8, 7  # three beside each other


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A panel: each of its queries with the legend of its lines."""

    title: str
    about: str
    queries: Sequence[tuple[str, str]]
    unit: str = "short"


ENDED = "completed|faulted|cancelled"


def _instances(statuses: str, by: str = "workflow") -> str:
    return f'sum by ({by}) (rate(exlify_instances_total{{status=~"{statuses}"}}[{RATE}]))'


def _of_day(metric: str) -> str:
    """The greatest of those who tell it, then all versions."""
    completed = 'sum by (workflow) (max by (workflow, version) (exlify_day_instances{status="completed"}))'
    return f"sum by (workflow) (max by (workflow, version) ({metric})) / ({completed} > 0)"


def _quantile(quantile: float, metric: str, *labels: str) -> str:
    by = ", ".join((*labels, "le"))
    return f"histogram_quantile({quantile}, sum by ({by}) (rate({metric}_bucket[{RATE}])))"


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
                (_quantile(q, "exlify_instance_seconds", "workflow"), f"{{{{workflow}}}} {q:g}") for q in QUANTILES
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
            queries=[(_quantile(0.99, "exlify_hop_seconds", "processor"), "{{processor}}")],
        ),
        Shown(
            title="Calls to systems",
            about="99 of a hundred take no longer.",
            unit="s",
            queries=[(_quantile(0.99, "exlify_call_seconds", "function"), "{{function}}")],
        ),
    ),
}


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
        queries = [(_quantile(quantile, name, *labels), f"{legend} {quantile:g}") for quantile in QUANTILES]
    else:
        queries = [(f"max{by} ({name})", legend)]
    unit = "s" if name.endswith("_seconds") else "short"
    return Shown(title=name.removeprefix("exlify_"), about=metric._documentation, queries=queries, unit=unit)


def boards() -> Mapping[str, str]:
    """The dashboards as Grafana takes them, by the name of their file."""
    return {
        "overview.json": _board("Exlify: overview", "exlify-overview", OVERVIEW),
        "details.json": _board("Exlify: every metric", "exlify-details", details()),
    }


def _board(title: str, uid: str, rows: Mapping[str, Sequence[Shown]]) -> str:
    source = DatasourceVariable("source").label("Prometheus").type("prometheus")
    made = Dashboard(title).uid(uid).tags(["exlify"]).refresh("10s").time("now-1h", "now").with_variable(source)
    number = 0
    for name, panels in rows.items():
        number += 1
        made = made.with_row(Row(name).id(number))
        for panel in panels:
            number += 1
            made = made.with_panel(_panel(panel).id(number))
    return JSONEncoder(sort_keys=True, indent=1).encode(made.build()) + "\n"


def _panel(panel: Shown) -> TimeSeries:
    legend = VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM).show_legend(True)
    made = TimeSeries().title(panel.title).description(panel.about).unit(panel.unit).datasource(SOURCE)
    made = made.min(0).span(WIDTH).height(HEIGHT).legend(legend)
    for letter, (query, lines) in zip(ascii_uppercase, panel.queries, strict=False):
        made = made.with_target(Dataquery().ref_id(letter).expr(query).legend_format(lines))
    return made
