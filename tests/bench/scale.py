"""What a second worker is worth: calls of a system that takes its time, by one worker for steps and by two.

Each worker has so many calls under way at once and no more, so the system's time, and not the processor's, says how
many calls one can make; and two can make twice as many, if nothing that they share holds them up.
"""

from __future__ import annotations

import sys

from tests.bench import calls
from tests.bench.load import Load
from tests.bench.peer import ledger_peer
from tests.bench.stack import stack

ANSWERS_AFTER_S = 0.2
CONCURRENCY = 32
WORKFLOW = "keyed-calls"
IN_FLIGHT = 300
COUNT = 1_200
WARM_UP = 600


def measure() -> dict[str, float]:
    """Calls a second by so many workers, and their ratio."""
    figures = {}
    for number in (1, 2):
        print(f"  {number} of 2 ...", file=sys.stderr, flush=True)
        figures[f"scale.calls_per_s_{number}"] = round(_calls_per_s(number), 1)
    figures["scale.ratio"] = round(figures["scale.calls_per_s_2"] / figures["scale.calls_per_s_1"], 2)
    return figures


def _calls_per_s(workers: int) -> float:
    kinds = {**calls.WORKERS, **{f"steps-{number}": calls.WORKERS["steps"] for number in range(2, workers + 1)}}
    with ledger_peer(after_s=ANSWERS_AFTER_S) as peer:
        environ = {"EXLIFY_CONNECTION_ECHO": peer.url, "EXLIFY_CALL_CONCURRENCY": str(CONCURRENCY)}
        with stack(kinds, environ) as running:
            load = Load(running.settings, WORKFLOW)
            load.run(WARM_UP, IN_FLIGHT)
            rate = load.run(COUNT, IN_FLIGHT).rate
        seen = peer.seen()
    calls.check(seen.requests, seen.keys, WARM_UP + COUNT)
    return rate * calls.STEPS
