"""The words that all metrics share. Each metric stands with its owner, and in the owner's declaration.

A processor lists its metrics in its declaration; what belongs to no processor is listed by its own package
(`runtime.metrics`, `gateway.metrics`, `definitions.metrics`). The catalogue is computed from these. Labels never hold
personal data, and `result` is always a word of `schemas.reasons`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from prometheus_client.metrics import MetricWrapperBase

M = TypeVar("M", bound=MetricWrapperBase)

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600, 86_400)
"""Upper bounds of the buckets of everything that is measured in seconds."""

MOST_REMEMBERED = 10_000  # series of one metric


def remembered(metric: M) -> Callable[..., M]:
    """`metric.labels`, at a third of its cost for labels that come again: for what is counted with every batch.

    Not for a metric whose series are removed: what is remembered would be counted and not shown.
    """
    return lru_cache(MOST_REMEMBERED)(metric.labels)
