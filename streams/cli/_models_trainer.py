"""Runs somebody's trainer on rows: a process of its own, for so long and with so much memory, behind all others.

What is under way for a model is in `models/.learn/NAME` of the site folder, where one is at work at a time.

Its model counts once it is whole. Its limits are the system's, so they hold where whoever started it was killed.
"""

from __future__ import annotations

import csv
import math
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from infra.local.locking import Busy, exclusive
from streams.cli._models_making import site_folder
from streams.ground.errors import UsageError

if TYPE_CHECKING:
    from models.making.learning import Gate, Learning
    from models.making.rows import Rows

HIDDEN = ".learn"
LOCK = "lock"
LOG = "trainer.log"
ROWS = "training.csv"
NICE = 10  # what decides goes first
LARGEST_FILE = 2**30  # that it writes: what it prints goes into one, too


def workshop(name: str) -> Path:
    """Where what is under way for a model is."""
    return site_folder() / HIDDEN / name


@contextmanager
def alone(name: str) -> Iterator[None]:
    """One at a time for each name. Raises UsageError where somebody is at it."""
    try:
        with exclusive(workshop(name) / LOCK, wait=False):
            yield
    except Busy:
        raise UsageError(f"{name}: somebody is learning for it already") from None


def train(learning: Learning, rows: Rows, made: Path, log: Path, folder: Path) -> Gate:
    """Runs the trainer in a folder, unless `made` is there: it has been run on these rows already."""
    from models.making.learning import Gate

    if made.is_dir():
        return Gate("training", True, "the trainer had finished before", {"seconds": None})
    fresh = made.with_name(f"{made.name}.{os.getpid()}")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    _write(rows, made.with_name(ROWS))
    start = time.monotonic()
    fault = _ran([*learning.trainer, str(made.with_name(ROWS)), str(fresh)], log, folder, learning)
    seconds = round(time.monotonic() - start, 1)
    if fault is None and not (fresh / "model.onnx").is_file():
        fault = "it has written no model.onnx"
    if fault is not None:
        return Gate("training", False, f"{learning.trainer[0]}: {fault}. See {log}", {"seconds": seconds})
    fresh.rename(made)
    return Gate("training", True, f"the trainer took {seconds} s", {"seconds": seconds})


def _ran(command: list[str], log: Path, folder: Path, learning: Learning) -> str | None:
    """What went wrong, if anything. Nothing that the trainer started outlives it, unless it left its session."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("EXLIFY_")}  # no key of ours
    most = learning.minutes * 60
    with log.open("wb") as said:
        try:
            process = subprocess.Popen(  # what the owner of the site has written into the card
                command,
                cwd=folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        except OSError as error:
            return f"it cannot be run: {error.strerror}"
        _limit(process.pid, learning)
        try:
            code = process.wait(most)
        except subprocess.TimeoutExpired:
            return f"it took more than {most / 60:g} minutes"
        finally:
            with suppress(ProcessLookupError):  # nobody is left
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return None if code == 0 else f"it ended with exit code {code}"


def _limit(process: int, learning: Learning) -> None:
    """Holds it, and what it starts from now on, to its limits."""
    memory, seconds = learning.memory_mb * 2**20, math.ceil(learning.minutes * 60 * (os.cpu_count() or 1))
    largest = min(memory, LARGEST_FILE)
    with suppress(ProcessLookupError):  # it has ended already
        resource.prlimit(process, resource.RLIMIT_AS, (memory, memory))
        resource.prlimit(process, resource.RLIMIT_CPU, (seconds, seconds))
        resource.prlimit(process, resource.RLIMIT_FSIZE, (largest, largest))
        os.setpriority(os.PRIO_PROCESS, process, NICE)


def _write(rows: Rows, path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows.columns, restval="")
        writer.writeheader()
        writer.writerows(rows.cases)
