"""Calls of one system beside another's that fail: what failing costs those who have nothing to do with it.

Three systems fail all the time: one refuses every call (409), so that each try is a request; one is away (503), so that
its breaker opens and calls wait outside; one never answers, with many calls in front of it. No call may be asked for
more often than its step says.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from tests.bench.definitions import FAILING, RETRIES
from tests.bench.load import Figures, Load
from tests.bench.peer import Peer, ledger_peer
from tests.bench.stack import Stack, stack

WORKERS = {"engine": ("orchestrate",), "steps": ("intake", "call", "recover"), "view": ("view",)}
WORKFLOW = "keyed-calls"
WARM_UP = 1_000
COUNT = 3_000
IN_FLIGHT = 32
IN_FRONT = 500  # of the system that never answers


def measure() -> dict[str, float]:
    """Figures of three calls alone, beside each kind of failing system, and alone again."""
    with (
        ledger_peer() as echo,
        ledger_peer(status=409) as refusing,
        ledger_peer(status=503) as away,
        ledger_peer(status=0) as hanging,
    ):
        addresses = {"ECHO": echo.url, "REFUSING": refusing.url, "AWAY": away.url, "HANGING": hanging.url}
        with stack(WORKERS, {f"EXLIFY_CONNECTION_{name}": url for name, url in addresses.items()}) as running:
            load = Load(running.settings, WORKFLOW)
            load.run(WARM_UP, 100)
            figures = _figures("alone", load.run(COUNT, IN_FLIGHT))
            by_workflow = dict(zip(FAILING, (refusing, away, hanging), strict=True))
            last, last_peer = by_workflow.popitem()
            for workflow, peer in by_workflow.items():
                figures |= _beside(running, load, workflow, peer, IN_FLIGHT)
            figures |= _figures("alone_again", load.run(COUNT, IN_FLIGHT))
            return figures | _beside(running, load, last, last_peer, IN_FRONT)


def _beside(running: Stack, load: Load, workflow: str, peer: Peer, in_flight: int) -> dict[str, float]:
    print(f"  beside {workflow} ...", file=sys.stderr, flush=True)
    name = workflow.partition("-")[0]
    failing, ended = Load(running.settings, workflow), Event()
    with ThreadPoolExecutor(1) as pool:
        begun = pool.submit(failing.keep, in_flight, ended)
        try:
            found = _figures(name, load.run(COUNT, IN_FLIGHT))
        finally:
            ended.set()
    seen = peer.seen()
    if seen.most_of_one_key > RETRIES + 1:
        raise AssertionError(f"a call was to be asked for {RETRIES + 1} times at most, not {seen.most_of_one_key}")
    return found | {f"{name}.failing_workflows": begun.result(), f"{name}.failing_requests": seen.requests}


def _figures(name: str, run: Figures) -> dict[str, float]:
    found = {f"{name}.p{percent}_ms_{IN_FLIGHT}": round(run.percentile_ms(percent), 1) for percent in (50, 95, 99)}
    return found | {f"{name}.per_s_{IN_FLIGHT}": round(run.rate, 1)}
