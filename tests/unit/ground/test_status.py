"""What a process tells of itself."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, generate_latest


def test_no_series_tells_when_another_was_created() -> None:
    registry = CollectorRegistry()
    Counter("things", "Some.", registry=registry).inc()
    assert b"things_total 1.0" in generate_latest(registry) and b"_created" not in generate_latest(registry)
