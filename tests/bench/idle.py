"""What a system costs that has nothing to do: CPU of broker and workers over some seconds, in per cent of one core."""

from __future__ import annotations

import sys
import time

from streams import catalogue
from tests.bench.stack import stack

SETTLE_S = 60.0
WINDOW_S = 20.0


def measure() -> dict[str, float]:
    """`idle.cpu_pct` for everything together, and for each process."""
    with stack(catalogue.workers()) as running:
        print(f"  {SETTLE_S + WINDOW_S:.0f} s of doing nothing ...", file=sys.stderr, flush=True)
        time.sleep(SETTLE_S)
        before = running.cpu_seconds()
        time.sleep(WINDOW_S)
        used = {name: cpu - before[name] for name, cpu in running.cpu_seconds().items()}
    by_process = {f"idle.cpu_pct.{name}": round(100 * cpu / WINDOW_S, 2) for name, cpu in used.items()}
    return {"idle.cpu_pct": round(100 * sum(used.values()) / WINDOW_S, 2)} | by_process
