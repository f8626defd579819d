"""Worker processes under a small supervisor: started, killed, stopped, woken, and started again when they end."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from infra.local.process import Launch, Process

STOP_GRACE_S = 40.0
LOG_TAIL_BYTES = 3_000


@dataclass
class _Worker:
    process: Process
    restarts: bool
    environ: Mapping[str, str] = field(default_factory=dict)


class Workers:
    """The worker processes of one scenario, by name. Each name has a state folder of its own."""

    def __init__(self, argv: Callable[[str], Sequence[str]], environ: Mapping[str, str], folder: Path) -> None:
        self._argv = argv
        self._environ = environ
        self._folder = folder
        self._workers: dict[str, _Worker] = {}
        self.launches = 0
        self.exits: list[tuple[str, int]] = []  # every end that nobody asked for by name

    def start(self, name: str, *, crash_at: str = "", restarts: bool = True, **environ: str) -> None:
        """Starts a worker. `crash_at` holds for this process only; `restarts`: it is started again when it ends."""
        if crash_at:
            environ["EXLIFY_CRASH_AT"] = crash_at
        self._workers[name] = _Worker(self._launch(name, environ), restarts)

    def _launch(self, name: str, environ: Mapping[str, str]) -> Process:
        self.launches += 1
        argv = (sys.executable, *self._argv(name))
        return Process(Launch(argv, self.log(name), {**self._environ, **environ}))

    def log(self, name: str) -> Path:
        """Where a worker's output is."""
        return self._folder / f"{name}.log"

    def log_tails(self) -> str:
        """The end of every worker's output, for a failure's report."""
        tails = (
            (name, self.log(name).read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")) for name in self._workers
        )
        return "\n".join(f"--- {name}\n{tail}" for name, tail in tails)

    def tend(self) -> None:
        """Starts again who has ended and should not have."""
        for name, worker in self._workers.items():
            code = worker.process.exit_code
            if code is not None and worker.restarts:
                self.exits.append((name, code))
                worker.process = self._launch(name, {})

    def signal(self, name: str, number: signal.Signals) -> None:
        """Sends a signal to a worker that runs."""
        os.kill(self._workers[name].process.pid, number)

    def kill(self, name: str) -> None:
        """Ends a worker as a crash would; `start` brings it back."""
        self._workers[name].restarts = False
        self._workers[name].process.kill()

    def stop(self, name: str) -> int:
        """Asks a worker to end and returns its exit code."""
        self._workers[name].restarts = False
        return self._workers[name].process.stop(STOP_GRACE_S)

    def exit_code(self, name: str) -> int | None:
        """A worker's exit code, negative for a signal; None while it runs."""
        return self._workers[name].process.exit_code

    def is_stopped(self, name: str) -> bool:
        """Whether a worker's process stands still (SIGSTOP)."""
        try:
            stat = Path(f"/proc/{self._workers[name].process.pid}/stat").read_text()
        except FileNotFoundError:
            return False
        return stat.rpartition(")")[2].split()[0] == "T"

    def resident_bytes(self, name: str) -> int:
        """How much memory a worker holds."""
        pages = int(Path(f"/proc/{self._workers[name].process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def stop_all(self) -> dict[str, int]:
        """Asks all that run to end; the exit codes of those."""
        running = [name for name, worker in self._workers.items() if worker.process.exit_code is None]
        return {name: self.stop(name) for name in running}

    def kill_all(self) -> None:
        """Ends all, however they are."""
        for worker in self._workers.values():
            worker.process.kill()
