"""A worker of own steps that begins anew when their files change: for development, and for the site folder.

The worker is a process of its own. It is asked to end, and finishes what is under way, once the changed files can be
loaded; a faulty change is told and leaves the old steps in force.
"""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from streams.cli._output import echo

LOOK_S = 0.5
STOP_S = 60.0
CHECK_S = 60.0


def run_reloading(arguments: Sequence[str], places: Sequence[Path]) -> int:
    """Runs `exlify worker` with these arguments until told to stop; gives the exit code of the worker."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    worker, known = _started(arguments), _digest(places)
    seen = known
    while not stop.wait(LOOK_S) and worker.poll() is None:
        now = _digest(places)
        if now != known and now == seen and _can_be_loaded(places):  # two looks: nobody applies half a file
            _end(worker)
            worker = _started(arguments)
            echo("exlify: steps changed, the worker has begun anew", err=True)
        if now == seen:
            known = now
        seen = now
    return _end(worker)


def _started(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    """The worker, on a leash: it ends with this process, however that ends."""
    from infra.local.process import on_leash

    return subprocess.Popen(on_leash((sys.executable, "-m", "streams.cli", "worker", *arguments)))


def _end(worker: subprocess.Popen[bytes]) -> int:
    worker.terminate()
    try:
        return worker.wait(STOP_S)
    except subprocess.TimeoutExpired:
        worker.kill()
        return worker.wait()


def _can_be_loaded(places: Sequence[Path]) -> bool:
    """Asked of another process: what a file does when it is loaded is done once in each."""
    program = "import sys; from pathlib import Path; from streams.steps.loading import load_steps; "
    program += "from streams.ground.errors import UsageError\n"
    program += "try:\n load_steps(map(Path, sys.argv[1:]))\nexcept UsageError as error:\n sys.exit(str(error))"
    command = [sys.executable, "-c", program, *map(str, places)]
    try:
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=CHECK_S, check=False)
    except subprocess.TimeoutExpired:
        echo("exlify: the changed steps do not load in time; the old ones stay", err=True)
        return False
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        echo(f"exlify: {last} The old steps stay.", err=True)
    return done.returncode == 0


def _digest(places: Sequence[Path]) -> str:
    """Of all Python files of a folder, helpers included."""
    found = hashlib.sha256()
    for file in sorted(each for place in places for each in (place.glob("*.py") if place.is_dir() else [place])):
        try:
            found.update(str(file).encode() + b"\0" + file.read_bytes())
        except OSError:  # it is being swapped
            found.update(b"gone")
    return found.hexdigest()
