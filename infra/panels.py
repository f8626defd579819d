"""Panels and dashboards, as Grafana's own library makes them."""

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

RATE = "$__rate_interval"  # Grafana fills it in: four scrapes at least
SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")
WIDTH, HEIGHT = 8, 7  # three beside each other


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A panel: each of its queries with the legend of its lines."""

    title: str
    about: str
    queries: Sequence[tuple[str, str]]
    unit: str = "short"


def quantile(share: float, metric: str, *labels: str) -> str:
    """The query of what so many of what a histogram has measured are within."""
    by = ", ".join((*labels, "le"))
    return f"histogram_quantile({share}, sum by ({by}) (rate({metric}_bucket[{RATE}])))"


def board(title: str, uid: str, rows: Mapping[str, Sequence[Shown]]) -> str:
    """A dashboard as Grafana takes it."""
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
