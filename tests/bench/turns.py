"""Versions beside each other: `python -m tests.bench.turns COMMIT...` compares this tree with those commits.

A machine's speed drifts within seconds by more than what is looked for, so runs one after the other do not compare.
Here each version has a broker and workers of its own, all stand at the same time, and take turns of a second or two,
in a shuffled order. What is told is the median of the ratios, round by round: above 1 this tree is better.
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

from tests.bench.stack import ROOT
from tests.bench.turn import READY

ROUNDS = 14
TURNS = ((60, 1), (700, 32), (3_000, 1_000))  # workflows, and how many in flight
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

    def __init__(self, tree: Path) -> None:
        command = [sys.executable, "-P", str(ROOT / "tests" / "bench" / "turn.py")]
        environment = {**os.environ, "PYTHONPATH": str(tree)}
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
    """How this tree stands to another, by figure; milliseconds are better where they are fewer."""
    found = {}
    for name in rounds[0][HERE]:
        each = [(one[base][name], one[HERE][name]) for one in rounds]
        if all(old and new for old, new in each):
            ways = [old / new if "_ms" in name else new / old for old, new in each]
            low, _, high = quantiles(ways, n=4, method="inclusive") if len(ways) > 1 else ways * 3
            found[name] = Ratio(median(ways), low, high)
    return found


def measure(commits: Sequence[str], rounds: int) -> list[Round]:
    """The figures of every version, round by round."""
    with ExitStack() as running:
        trees = {commit: running.enter_context(_checked_out(commit)) for commit in commits} | {HERE: ROOT}
        versions: dict[str, Version] = {}
        for name, tree in trees.items():  # one after the other: their starts would disturb each other's warming up
            print(f"  starting {name} ...", file=sys.stderr, flush=True)
            versions[name] = Version(tree)
            running.callback(versions[name].close)
            versions[name].wait_until_ready()
        order, shuffled = list(versions), random.Random(rounds)
        found: list[Round] = []
        for number in range(rounds):
            print(f"  round {number + 1} of {rounds} ...", file=sys.stderr, flush=True)
            figures: dict[str, Figures] = {name: {} for name in versions}
            for count, in_flight in TURNS:
                shuffled.shuffle(order)
                for name in order:
                    turn = versions[name].turn(count, in_flight)
                    figures[name] |= {f"{figure}_{in_flight}": value for figure, value in turn.items()}
            found.append(figures)
        return found


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


def main() -> None:
    """Prints one JSON object: by commit, the ratio of each figure and its quartiles."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.turns", description="Compares this tree with commits.")
    parser.add_argument("commits", nargs="+", metavar="COMMIT", help="what to compare with, of this repository")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often each takes its turns; default {ROUNDS}")
    asked = parser.parse_args()
    found = measure(asked.commits, asked.rounds)
    told = {
        commit: {name: [round(each, 3) for each in ratio] for name, ratio in ratios(found, commit).items()}
        for commit in asked.commits
    }
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
