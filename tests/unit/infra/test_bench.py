"""What `make bench` measures in memory can be measured: nobody runs it with every change."""

import os
import select
import subprocess
import sys
from types import ModuleType

import psutil
import pytest

from tests.bench import baseline, decide, micro, records, turns
from tests.support.waiting import PATIENCE_S


@pytest.mark.parametrize("part", [micro, decide, records], ids=lambda part: part.__name__.rpartition(".")[2])
def test_part_gives_figures(part: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, few in {"ROUNDS": 1, "INSTANCES": 200, "COUNT": 200}.items():
        if hasattr(part, name):
            monkeypatch.setattr(part, name, few)
    figures = part.measure()
    assert figures
    assert all(value > 0 for value in figures.values())


BENCH = """
import signal
from tests.bench.peer import ledger_peer
with ledger_peer():
    print("runs", flush=True)
    signal.pause()
"""


def test_bench_that_is_killed_leaves_no_peer() -> None:
    with subprocess.Popen([sys.executable, "-c", BENCH], stdout=subprocess.PIPE, text=True) as bench:
        assert bench.stdout is not None
        assert bench.stdout.readline() == "runs\n"
        (peer,) = psutil.Process(bench.pid).children()
        watch = os.pidfd_open(peer.pid)
        bench.kill()
    ready, _, _ = select.select([watch], [], [], PATIENCE_S)
    os.close(watch)
    assert ready


def test_versions_are_compared_round_by_round() -> None:
    slow = {"per_s_1": 100.0, "p50_ms_1": 10.0, "cpu_ms.idle_1": 0.0}
    fast = {"per_s_1": 150.0, "p50_ms_1": 8.0, "cpu_ms.idle_1": 0.0}
    rounds = [{"base": slow, turns.HERE: fast}] * 2 + [{"base": fast, turns.HERE: fast}]
    assert turns.ratios(rounds, "base") == {
        "per_s_1": turns.Ratio(1.5, 1.25, 1.5),
        "p50_ms_1": turns.Ratio(1.25, 1.125, 1.25),
    }


def test_figures_are_compared_in_bare_hops() -> None:
    """A machine of half the speed is no regression."""
    kept = baseline.ratios(
        {baseline.HOP: 0.5, "a.per_s": 1_000.0, "a.p50_ms_1": 5.0, "a.p99_ms_1": 9.0, "machine": "x"}
    )
    assert kept == {"a.per_s": 500.0, "a.p50_ms_1": 10.0}
    slower = {baseline.HOP: 1.0, "a.per_s": 500.0, "a.p50_ms_1": 20.0}
    assert baseline.compared(slower, kept) == {"to_baseline.a.per_s": 1.0, "to_baseline.a.p50_ms_1": 0.5}
    assert baseline.compared({"a.per_s": 500.0}, kept) == {}
