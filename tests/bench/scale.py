"""What a second worker is worth: calls of a system that takes its time, by one worker for steps and by two.

Each worker has so many calls under way at once and no more, so the system's time, and not the processor's, says how
many calls one can make; and two can make twice as many, if nothing that they share holds them up. What is counted is
what the system sees in some seconds in which work waits for all of them: not how the first and the last calls come in.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from tests.bench import calls
from tests.bench.load import Load
from tests.bench.peer import Peer, ledger_peer
from tests.bench.stack import stack

ANSWERS_AFTER_S = 0.2
CONCURRENCY = 32
WORKFLOW = "keyed-calls"
IN_FLIGHT = 300
SETTLES_S, COUNTED_S = 3.0, 20.0
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
            load, ended = Load(running.settings, WORKFLOW), Event()
            load.run(WARM_UP, IN_FLIGHT)
            with ThreadPoolExecutor(1) as pool:
                begun = pool.submit(load.keep, IN_FLIGHT, ended)
                try:
                    rate = _counted(peer)
                finally:
                    ended.set()
            load.drain()
        seen = peer.seen()
    calls.check(seen.requests, seen.keys, WARM_UP + begun.result())
    return rate


def _counted(peer: Peer) -> float:
    time.sleep(SETTLES_S)
    before, started = peer.seen().requests, time.perf_counter()
    time.sleep(COUNTED_S)
    return (peer.seen().requests - before) / (time.perf_counter() - started)
