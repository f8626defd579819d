"""What half an hour at one pace does to memory: `python -m tests.bench.steady --per-s 300 --minutes 30`.

Real calls of a peer in another process, topics that forget after a minute, and each process looked at every few
seconds. The slope is that of the straight line through what it held (least squares), once it has warmed up; also of
files, of which only the read model is meant to grow. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import linear_regression

from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from streams.ground.kafka import client_config
from streams.ground.settings import Settings
from tests.bench import calls
from tests.bench.definitions import CALLS, DEFINITIONS
from tests.bench.load import Load
from tests.bench.peer import ledger_peer
from tests.bench.stack import Stack, stack

ONE_CALL = "keyed-call"
LOOK_S = 5.0
WARM_UP_SHARE = 0.25  # of the time, which counts for nothing
KEPT_MS = 60_000
SEGMENT_MS = 20_000  # only whole segments are forgotten
MIB, BLOCK_BYTES = 2**20, 512  # of `st_blocks`, whatever the file system's own are
REQUEST_S = 30.0


def main() -> None:
    """Keeps the pace for so long."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.steady", description=__doc__)
    parser.add_argument("--per-s", type=float, default=300.0, help="workflows that are begun each second")
    parser.add_argument("--minutes", type=float, default=30.0, help="for so long")
    parser.add_argument("--workflow", default=ONE_CALL, choices=(ONE_CALL, *CALLS), help="of this kind")
    asked = parser.parse_args()
    print(json.dumps(measure(asked.workflow, asked.per_s, asked.minutes * 60), indent=2))


def measure(workflow: str, per_s: float, seconds: float) -> dict[str, float]:
    """Megabytes held in the end, and how many more they became in an hour."""
    with ledger_peer() as peer, stack(calls.WORKERS, {"EXLIFY_CONNECTION_ECHO": peer.url}) as running:
        _forget_soon(running.settings)
        watch = _Watch(running)
        run = Load(running.settings, workflow).pace(per_s, seconds, watch.look)
        seen = peer.seen()
    calls.check(seen.requests, seen.keys, run.count, DEFINITIONS[workflow].count("call: http"))
    latencies = {f"p{percent}_ms": round(run.percentile_ms(percent), 1) for percent in (50, 99)}
    return {"ended": run.count, "per_s": round(run.rate, 1), **latencies, **watch.figures()}


class _Watch:
    """Looks every few seconds at what processes and files take."""

    def __init__(self, running: Stack) -> None:
        self._processes = running.processes
        self._folder = running.settings.data_dir
        self._at_s: list[float] = []
        self._mib: dict[str, list[float]] = {name: [] for name in (*self._processes, "files", "files.view")}

    def look(self, at_s: float, under_way: int) -> None:
        """Notes what is held, where it is time to."""
        if at_s < LOOK_S * len(self._at_s):
            return
        self._at_s.append(at_s)
        for name, process in self._processes.items():
            self._mib[name].append(process.memory_info().rss / MIB)
        self._mib["files"].append(_mib(self._folder))
        self._mib["files.view"].append(_mib(self._folder, "view.sqlite*"))
        held = ", ".join(f"{name} {mib[-1]:.0f}" for name, mib in self._mib.items())
        print(f"  {at_s:.0f} s: {under_way} under way; MiB: {held}", file=sys.stderr, flush=True)

    def figures(self) -> dict[str, float]:
        """The last of each, and the slope of all since it has warmed up."""
        first = int(len(self._at_s) * WARM_UP_SHARE)
        figures: dict[str, float] = {}
        for name, mib in self._mib.items():
            slope = linear_regression(self._at_s[first:], mib[first:]).slope
            figures |= {f"{name}.mib": round(mib[-1], 1), f"{name}.mib_per_h": round(slope * 3_600, 2)}
        return figures


def _mib(folder: Path, pattern: str = "**/*") -> float:
    """What files take of the disk, which is less than their length where the broker has set aside room."""
    blocks = 0
    for file in folder.glob(pattern):
        try:
            blocks += file.stat().st_blocks
        except FileNotFoundError:  # forgotten meanwhile
            continue
    return blocks * BLOCK_BYTES / MIB


def _forget_soon(settings: Settings) -> None:
    """Has all topics that forget at all do so within a minute or two."""
    admin = AdminClient(client_config(settings))
    wanted = {"retention.ms": KEPT_MS, "segment.ms": SEGMENT_MS, "delete.retention.ms": KEPT_MS}
    entries = [
        ConfigEntry(key, str(value), incremental_operation=AlterConfigOpType.SET) for key, value in wanted.items()
    ]
    names = [name for name in admin.list_topics(timeout=REQUEST_S).topics if not name.startswith("_")]
    topics = [ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries) for name in names]
    for asked in admin.incremental_alter_configs(topics).values():
        asked.result(REQUEST_S)


if __name__ == "__main__":
    main()
