"""Faults on demand, the same again from the same seed."""

from __future__ import annotations

from infra.sandbox.faults import Faults, Order


def hits(order: Order, count: int) -> list[bool]:
    faults = Faults()
    faults.set(order)
    return [faults.next(order.system).order is not None for _ in range(count)]


def test_same_seed_gives_the_same_faults() -> None:
    order = Order("erp", error_rate=0.5, seed=7)
    assert hits(order, 50) == hits(order, 50)
    assert hits(order, 50) != hits(Order("erp", error_rate=0.5, seed=8), 50)


def test_rate_bounds_the_share_of_faults() -> None:
    assert not any(hits(Order("erp", error_rate=0.0), 20))
    assert all(hits(Order("erp", error_rate=1.0), 20))


def test_faults_end_after_so_many() -> None:
    assert hits(Order("erp", error_rate=1.0, times=2), 5) == [True, True, False, False, False]


def test_latency_stays_within_its_jitter() -> None:
    faults = Faults()
    faults.set(Order("erp", latency_ms=100, jitter_ms=50))
    assert all(0.1 <= faults.next("erp").latency_s <= 0.15 for _ in range(20))


def test_other_systems_are_left_alone() -> None:
    faults = Faults()
    faults.set(Order("erp", error_rate=1.0, latency_ms=10))
    assert faults.next("mail").order is None and faults.next("mail").latency_s == 0
