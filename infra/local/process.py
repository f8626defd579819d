"""A child process on a leash: what to run and where its output goes, and starting, asking and stopping it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

LEASH = Path(__file__).with_name("leash.py")


def on_leash(argv: Sequence[str], lock: Path | None = None) -> list[str]:
    """The arguments of a process that ends with this one, however this one ends (see `leash`)."""
    return [sys.executable, "-I", str(LEASH), str(os.getpid()), str(lock or ""), *argv]


@dataclass(frozen=True)
class Launch:
    """What to run: arguments, the variables that are added to this process's environment, the file for output, and a
    file that the process holds locked as long as it lives; it does not start where another holds that."""

    argv: tuple[str, ...]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    lock: Path | None = None

    @property
    def leashed(self) -> list[str]:
        """The arguments of a process that ends with this one."""
        return on_leash(self.argv, self.lock)

    @property
    def environ(self) -> dict[str, str]:
        """The child's whole environment."""
        return {**os.environ, **self.env}


class Process:
    """A running child. Start it from a thread that lives as long as the child should (see `leash`)."""

    def __init__(self, launch: Launch) -> None:
        launch.log.parent.mkdir(parents=True, exist_ok=True)
        with launch.log.open("ab") as log:
            self._popen = subprocess.Popen(
                launch.leashed,
                env=launch.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C on the terminal is for the parent, which stops its children in order.
                start_new_session=True,
            )
        self.pid = self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._popen.poll()

    def stop(self, grace_s: float) -> int:
        """Asks it to end, kills it after `grace_s`, and returns its exit code."""
        self._popen.terminate()
        try:
            return self._popen.wait(grace_s)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """Ends it at once, as a crash would, and returns its exit code."""
        self._popen.kill()
        return self._popen.wait()


def end(pid: int, still_meant: Callable[[], bool], grace_s: float) -> bool:
    """Asks a process that is no child of ours to end, kills it after `grace_s`; False where it is there after as long.

    `still_meant` is asked once the process is held: from then on its number cannot become another's.
    """
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return not still_meant() or any(_ends(process, number, grace_s) for number in (signal.SIGTERM, signal.SIGKILL))
    finally:
        os.close(process)


def _ends(process: int, number: signal.Signals, timeout_s: float) -> bool:
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(process, number)
    ready, _, _ = select.select([process], [], [], timeout_s)
    return bool(ready)
