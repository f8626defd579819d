"""One version's stack for `turns.py`, which describes it: reads `COUNT IN_FLIGHT` from standard input, line by line,
and answers each with figures as JSON. It runs by the modules of that version, and uses no more than each of them has.
"""

from __future__ import annotations

import json
import sys
import time

from tests.bench import definitions
from tests.bench.load import Load
from tests.bench.stack import Stack, stack

READY = "ready"


def main(workflow: str, text: str, workers: dict[str, list[str]], warm_up: int) -> None:
    """Ends with its input."""
    definitions.DEFINITIONS.setdefault(workflow, text)
    with stack({name: tuple(processors) for name, processors in workers.items()}) as running:
        load = Load(running.settings, workflow)
        load.run(warm_up, 200)
        print(READY, flush=True)
        for line in sys.stdin:
            count, in_flight = map(int, line.split())
            figures = _turn(running, load, count, in_flight) if count else _start(running)
            print(json.dumps(figures), flush=True)


def _turn(running: Stack, load: Load, count: int, in_flight: int) -> dict[str, float]:
    before = running.cpu_seconds()
    run = load.run(count, in_flight)
    used = {name: cpu - before[name] for name, cpu in running.cpu_seconds().items()}
    return {
        "per_s": run.rate,
        "p50_ms": run.percentile_ms(50),
        "p99_ms": run.percentile_ms(99),
        "per_cpu_s": run.count / sum(used.values()),
        **{f"cpu_ms.{name}": cpu * 1_000 / run.count for name, cpu in used.items()},
    }


def _start(running: Stack) -> dict[str, float]:
    """What each process keeps in memory after the turns, and how long all workers take to start again."""
    memory = {f"rss_mb.{name}": process.memory_info().rss / 1e6 for name, process in running.processes.items()}
    running.stop()
    started = time.perf_counter()
    running.start()
    return {"start_ms": (time.perf_counter() - started) * 1_000, **memory}


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
