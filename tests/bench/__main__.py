"""`make bench`: measures and prints one JSON object. Name parts to run only them: `python -m tests.bench idle micro`.

`parked` (100,000 that wait; also `make parked`), `rebuild` (a read model of 100,000) and `console` (pages on 100,000)
take minutes, and run only when they are named; so does a peer, `restate`. `turns.py` compares versions.

Absolute figures belong to a machine, so every run also measures a baseline on it: one bare hop through the same
broker, and the loop that the workflows run without engine and runtime would be nothing but such hops. What `journey`
and those beside it find is compared with `baseline.json` by that hop (`to_baseline.…`, above 1 it is better).
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import traceback
from collections.abc import Callable, Mapping

from streams.ground.interpreter import built_plainly
from tests.bench import (
    baseline,
    beside,
    calls,
    console,
    decide,
    hub,
    idle,
    journey,
    micro,
    own,
    parked,
    rebuild,
    records,
    restate_peer,
    rolling,
    scale,
)

Figures = Mapping[str, float]
PARTS: Mapping[str, Callable[[], Figures]] = {
    "micro": micro.measure,
    "records": records.measure,
    "decide": decide.measure,
    "rolling": rolling.measure,
    "journey": journey.measure,
    "http": calls.measure,
    "hub": hub.measure,
    "beside": beside.measure,
    "own": own.measure,
    "scale": scale.measure,
    "idle": idle.measure,
    "parked": parked.measure,
    "rebuild": rebuild.measure,
    "console": console.measure,
    "restate": restate_peer.measure,
}
LONG = ("parked", "rebuild", "console", "restate")


def main() -> None:
    """Runs the parts named on the command line, all by default."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measures Exlify; prints JSON.")
    parser.add_argument(
        "parts",
        nargs="*",
        metavar="PART",
        help=f"what to measure, of {', '.join(PARTS)}; all but {' and '.join(LONG)} unless named",
    )
    parser.add_argument("--keep", action="store_true", help="write the ratios to the bare hop to baseline.json")
    asked = parser.parse_args()
    names = asked.parts or [name for name in PARTS if name not in LONG]
    if unknown := set(names) - set(PARTS):
        parser.error(f"{', '.join(sorted(unknown))}: not one of {', '.join(PARTS)}")
    built = ", built without optimisations" if built_plainly() else ""
    figures: dict[str, float | str] = {"machine": f"{platform.machine()}, Python {platform.python_version()}{built}"}
    failed = []
    for name in names:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        try:
            figures |= PARTS[name]()
        except Exception:  # noqa: BLE001  # what the other parts have found took minutes
            traceback.print_exc()
            failed.append(name)
    figures |= restate_peer.beside(figures)
    figures |= baseline.compared(figures, baseline.kept())
    if asked.keep:
        baseline.keep(figures)
    print(json.dumps(figures, indent=1))
    if failed:
        sys.exit(f"bench: {', '.join(failed)} could not be measured; see above")


if __name__ == "__main__":
    main()
