"""One version's stack for `turns.py`: reads `COUNT IN_FLIGHT` from standard input, line by line, and answers each with
figures as JSON. It runs by the modules of that version, so it uses no more than each of them has.
"""

from __future__ import annotations

import json
import sys

from tests.bench.load import Load
from tests.bench.stack import stack

WORKFLOW = "three-step"
WARM_UP = 5_000
READY = "ready"


def main() -> None:
    """Ends with its input."""
    with stack() as running:
        load = Load(running.settings, WORKFLOW)
        load.run(WARM_UP, 200)
        print(READY, flush=True)
        for line in sys.stdin:
            count, in_flight = map(int, line.split())
            before = running.cpu_seconds()
            run = load.run(count, in_flight)
            used = {name: cpu - before[name] for name, cpu in running.cpu_seconds().items()}
            figures = {
                "per_s": run.rate,
                "p50_ms": run.percentile_ms(50),
                "p99_ms": run.percentile_ms(99),
                "per_cpu_s": run.count / sum(used.values()),
                **{f"cpu_ms.{name}": cpu * 1_000 / run.count for name, cpu in used.items()},
            }
            print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
