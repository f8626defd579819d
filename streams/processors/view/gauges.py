"""Gauges whose series come and go with what they count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client import Gauge

Labels = tuple[str, ...]


class Gauges:
    """Remembers which series each gauge shows, so that those of which nothing is left go."""

    def __init__(self) -> None:
        self._shown: dict[Gauge, set[Labels]] = {}

    def show(self, gauge: Gauge, series: Mapping[Any, float]) -> None:
        """The gauge has these series, and no others, from now on."""
        for labels in self._shown.get(gauge, set()) - series.keys():
            gauge.remove(*labels)
        for labels, value in series.items():
            gauge.labels(*labels).set(value)
        self._shown[gauge] = set(series)
