"""Versions beside each other: `python -m tests.bench.turns COMMIT...` compares this tree with those commits.

A machine's speed drifts within seconds by more than what is looked for, so runs one after the other do not compare.
Here each version has a broker and workers of its own, all stand at the same time, and take turns of a second or two,
in a shuffled order. What is told is the median of the ratios, round by round: above 1 this tree is better.

What stands by takes caches, memory and a few percent of the processor, from each version what the others leave it. With
`--alone` the versions run one after the other, in alternating order: nothing else is there, but a round takes a minute
for each, so a drift of the machine shows in its ratio. It also tells how fast workers start and what they keep in
memory.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.bench import calls
from tests.bench.definitions import CALLS, DEFINITIONS
from tests.bench.peer import ledger_peer
from tests.bench.stack import ROOT, WORKERS
from tests.bench.turn import READY

ROUNDS = 14
Turn = tuple[int, int]  # workflows, and how many in flight
SHORT = ((60, 1), (700, 32), (3_000, 1_000))
LONG = ((400, 1), (3_000, 32), (12_000, 1_000))
START = 0, 0
OF_CALLS = 4  # so many times fewer, where each step is a call
WARM_UP = 5_000
HERE = "here"
Figures = dict[str, float]
Round = Mapping[str, Figures]  # by version


class Ratio(NamedTuple):
    """How a figure of this tree stands to that of another: above 1 it is better."""

    median: float
    low: float  # quarter of the rounds below
    high: float


class Version:
    """A stack by the modules of one tree."""

    def __init__(self, tree: Path, workflow: str, peer: str = "") -> None:
        described = {
            "workflow": workflow,
            "text": DEFINITIONS[workflow],
            "workers": calls.WORKERS if peer else WORKERS,
            "warm_up": WARM_UP // OF_CALLS if peer else WARM_UP,
        }
        command = [sys.executable, "-P", str(ROOT / "tests" / "bench" / "turn.py"), json.dumps(described)]
        environment = {**os.environ, "PYTHONPATH": str(tree)} | ({"EXLIFY_CONNECTION_ECHO": peer} if peer else {})
        self._process = subprocess.Popen(
            command, cwd=tree, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def wait_until_ready(self) -> None:
        """Raises RuntimeError if it has ended before."""
        if self._answer().strip() != READY:
            raise RuntimeError("a version ended before it was ready")

    def turn(self, count: int, in_flight: int) -> Figures:
        """The figures of so many workflows."""
        assert self._process.stdin is not None
        print(count, in_flight, file=self._process.stdin, flush=True)
        found: Figures = json.loads(self._answer())
        return found

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def close(self) -> None:
        """Ends it with all that it has started."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def ratios(rounds: Sequence[Round], base: str) -> dict[str, Ratio]:
    """How this tree stands to another, by figure; milliseconds and megabytes are better where they are fewer."""
    found = {}
    for name in rounds[0][HERE]:
        each = [(one[base][name], one[HERE][name]) for one in rounds]
        if all(old and new for old, new in each):
            ways = [old / new if "_ms" in name or "_mb" in name else new / old for old, new in each]
            low, _, high = quantiles(ways, n=4, method="inclusive") if len(ways) > 1 else ways * 3
            found[name] = Ratio(median(ways), low, high)
    return found


def measure(
    commits: Sequence[str], rounds: int, workflow: str, *, alone: bool, turns: Sequence[Turn] = ()
) -> list[Round]:
    """The figures of every version, round by round; of these turns, or of the usual ones."""
    with ExitStack() as running:
        trees = {commit: running.enter_context(_checked_out(commit)) for commit in commits} | {HERE: ROOT}
        peer = running.enter_context(ledger_peer()).url if workflow in CALLS else ""
        measured = _one_by_one if alone else _beside_each_other
        return list(measured(trees, rounds, workflow, peer, turns or _usual(LONG if alone else SHORT, peer)))


def _beside_each_other(
    trees: Mapping[str, Path], rounds: int, workflow: str, peer: str, turns: Sequence[Turn]
) -> Iterator[Round]:
    with ExitStack() as running:
        versions: dict[str, Version] = {}
        for name, tree in trees.items():  # one after the other: their starts would disturb each other's warming up
            versions[name] = running.enter_context(_started(name, tree, workflow, peer))
        order, shuffled = list(versions), random.Random(rounds)
        for number in range(rounds):
            print(f"  round {number + 1} of {rounds} ...", file=sys.stderr, flush=True)
            figures: dict[str, Figures] = {name: {} for name in versions}
            for turn in turns:
                shuffled.shuffle(order)
                for name in order:
                    figures[name] |= _figures(versions[name], *turn)
            yield figures


def _one_by_one(
    trees: Mapping[str, Path], rounds: int, workflow: str, peer: str, turns: Sequence[Turn]
) -> Iterator[Round]:
    order = list(trees)
    for number in range(rounds):
        print(f"  pair {number + 1} of {rounds} ...", file=sys.stderr, flush=True)
        figures: dict[str, Figures] = {}
        for name in order:
            with _started(name, trees[name], workflow, peer) as version:
                figures[name] = {}
                for turn in (*turns, START):
                    figures[name] |= _figures(version, *turn)
        yield figures
        order.reverse()


def _usual(turns: Sequence[Turn], peer: str) -> Sequence[Turn]:
    return [(count // OF_CALLS, in_flight) for count, in_flight in turns] if peer else turns


def _figures(version: Version, count: int, in_flight: int) -> Figures:
    end = f"_{in_flight}" if count else ""
    return {f"{figure}{end}": value for figure, value in version.turn(count, in_flight).items()}


@contextmanager
def _started(name: str, tree: Path, workflow: str, peer: str) -> Iterator[Version]:
    print(f"  starting {name} ...", file=sys.stderr, flush=True)
    version = Version(tree, workflow, peer)
    try:
        version.wait_until_ready()
        yield version
    finally:
        version.close()


@contextmanager
def _checked_out(commit: str) -> Iterator[Path]:
    with TemporaryDirectory(prefix="exlify-turns-") as folder:
        tree = Path(folder) / "tree"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), commit], check=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def _turn(written: str) -> Turn:
    count, _, in_flight = written.partition("x")
    if not (count.isdecimal() and in_flight.isdecimal() and int(count) and int(in_flight)):
        raise argparse.ArgumentTypeError(f"{written!r} is none; write 1500x500")
    return int(count), int(in_flight)


def main() -> None:
    """Prints one JSON object: by commit, the ratio of each figure and its quartiles."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.turns", description="Compares this tree with commits.")
    parser.add_argument("commits", nargs="+", metavar="COMMIT", help="what to compare with, of this repository")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often each takes its turns; default {ROUNDS}")
    parser.add_argument("--alone", action="store_true", help="one after the other, with nothing else beside them")
    choices = ["three-step", "gives-up", "one-task", *CALLS]
    parser.add_argument("--workflow", choices=choices, default=choices[0], help=f"default {choices[0]}")
    shape = "COUNTxIN_FLIGHT"
    parser.add_argument("--turn", action="append", type=_turn, metavar=shape, help="such turns; else the usual ones")
    asked = parser.parse_args()
    found = measure(asked.commits, asked.rounds, asked.workflow, alone=asked.alone, turns=asked.turn or ())
    told = {
        commit: {name: [round(each, 3) for each in ratio] for name, ratio in ratios(found, commit).items()}
        for commit in asked.commits
    }
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
