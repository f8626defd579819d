"""Steps that call an outside system over HTTP, through the real `call`: the lane that touches the world.

The peer is a process of its own; in the end its ledger must hold each call once.
"""

from __future__ import annotations

import sys

from tests.bench.definitions import CALLS
from tests.bench.load import Load
from tests.bench.peer import ledger_peer
from tests.bench.stack import Stack, stack

WORKERS = {"engine": ("orchestrate",), "steps": ("intake", "call"), "view": ("view",)}
MENDING = {**WORKERS, "steps": ("intake", "call", "recover")}  # where tries fail, which nobody else begins anew
STEPS = 3
WARM_UP = 1_000
LATENCY_COUNT = {1: 300, 32: 3_000}
SUSTAINED_COUNT = 8_000
SUSTAINED_IN_FLIGHT = 500
CLOSES_AFTER_S = 0.02  # the impatient peer: connections are closed under the hands of whoever wants to use them again
IMPATIENT_COUNT = 10  # each keyed call finds its kept connection closed, which is a failed try, and waits for the next


def measure() -> dict[str, float]:
    """Figures of three calls by their effect, and of a peer that closes connections as soon as nobody uses them."""
    figures: dict[str, float] = {}
    for workflow in CALLS:
        print(f"  {workflow} ...", file=sys.stderr, flush=True)
        with ledger_peer() as peer, stack(WORKERS, {"EXLIFY_CONNECTION_ECHO": peer.url}) as running:
            load = Load(running.settings, workflow)
            found = _figures(running, load)
            seen = peer.seen()
        check(seen.requests, seen.keys, WARM_UP + sum(LATENCY_COUNT.values()) + SUSTAINED_COUNT)
        found["calls_per_connection"] = round(seen.requests / seen.connections, 1)
        figures |= {f"{workflow.replace('-', '_')}.{name}": value for name, value in found.items()}
    return figures | _impatient()


def _figures(running: Stack, load: Load) -> dict[str, float]:
    load.run(WARM_UP, 100)
    figures: dict[str, float] = {}
    for in_flight, count in LATENCY_COUNT.items():
        run = load.run(count, in_flight)
        figures |= {f"p{p}_ms_{in_flight}": round(run.percentile_ms(p), 2) for p in (50, 95, 99)}
        figures[f"per_s_{in_flight}"] = round(run.rate, 1)
    before = running.cpu_seconds()
    run = load.run(SUSTAINED_COUNT, SUSTAINED_IN_FLIGHT)
    used = {name: cpu - before[name] for name, cpu in running.cpu_seconds().items()}
    return figures | {
        "sustained_per_s": round(run.rate, 1),
        "sustained_p50_ms": round(run.percentile_ms(50), 1),
        "sustained_p99_ms": round(run.percentile_ms(99), 1),
        "per_cpu_s": round(run.count / sum(used.values()), 1),
        "cpu_ms": round(sum(used.values()) * 1_000 / run.count, 3),
        **{f"cpu_ms.{name}": round(cpu * 1_000 / run.count, 3) for name, cpu in used.items()},
    }


def _impatient() -> dict[str, float]:
    """Outcomes and requests where the peer closes what is idle, one workflow at a time."""
    print("  impatient peer ...", file=sys.stderr, flush=True)
    with ledger_peer(CLOSES_AFTER_S) as peer, stack(MENDING, {"EXLIFY_CONNECTION_ECHO": peer.url}) as running:
        for workflow in CALLS:
            Load(running.settings, workflow).run(IMPATIENT_COUNT, 1)
        seen = peer.seen()
    check(seen.requests, seen.keys, len(CALLS) * IMPATIENT_COUNT)
    return {"impatient.calls_per_connection": round(seen.requests / seen.connections, 1)}


def check(requests: int, keys: int, workflows: int, steps: int = STEPS) -> None:
    """Raises AssertionError where a peer has not seen each call of so many workflows once."""
    expected = workflows * steps
    if (requests, keys) != (expected, expected):
        raise AssertionError(f"{expected} calls were to be made: the peer saw {requests} with {keys} keys")
