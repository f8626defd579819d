"""What both local servers have in common: a data folder, a child process on a leash, readiness by asking."""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from infra.local import class_archive
from infra.local.artifacts import default_cache_dir
from infra.local.errors import LocalError, check_disk, explain_os_error
from infra.local.locking import Busy, exclusive
from infra.local.process import Launch, Process
from infra.local.progress import Progress, silent

START_TIMEOUT_S = 600.0  # with what is to be downloaded first, and however busy the machine is
STOP_GRACE_S = 15.0
END_GRACE_S = 3.0
# How often a starting server is asked; each question costs it a millisecond or so.
ASK_INTERVAL_S = 0.05
LOG_TAIL_BYTES = 16_384
LOCK = "lock"  # held by the server itself, so for exactly as long as it runs
COMPLAINT = re.compile(r"^Error|\b(ERROR|FATAL)\b")


class Server(ABC):
    """A server on loopback with all its data under `data_dir`.

    `start` is `prepare` (files, ports, configuration), then a child process, then waiting until it answers. The child
    ends with this process however that ends, and with the thread that called `start`.
    """

    name: str
    """Its folder under the data folder, its log's name, and what messages call it."""

    def __init__(
        self,
        data_dir: Path,
        cache_dir: Path | None = None,
        progress: Progress = silent,
        class_list: Path | None = None,
        mirror: str = "",
    ) -> None:
        """`mirror` is where to download from, in place of the public repository. `class_list` is for a rehearsal (see
        `class_archive`): the file that names the classes which it loads."""
        self.home = data_dir.absolute() / self.name
        self.log = data_dir.absolute() / "logs" / f"{self.name}.log"
        self.cache_dir = cache_dir or default_cache_dir()
        self._progress = progress
        self._mirror = mirror
        self._class_list = class_list
        self._log_ends: dict[Path, int] = {}
        self._process: Process | None = None

    @property
    @abstractmethod
    def address(self) -> str:
        """Where clients find it; known once it is prepared."""

    @property
    def metrics_url(self) -> str | None:
        """Where Prometheus finds its figures, if it tells any; known once it is prepared."""
        return None

    @abstractmethod
    def answers(self) -> bool:
        """Whether it serves requests now; asks it, and takes two seconds at most."""

    @abstractmethod
    def _prepare(self) -> Launch: ...

    def prepare(self) -> Launch:
        """Everything but the start: what to run. Raises LocalError where files, ports or disk are missing."""
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            self._require_free()
            check_disk(self.home)
            self._log_ends = {log: log.stat().st_size for log in self._logs() if log.exists()}
            return replace(self._prepare(), lock=self.home / LOCK)
        except OSError as error:
            raise explain_os_error(error, self.home) from error

    def _require_free(self) -> None:
        """Before anything is written: the ports and properties there are those of the server that runs.

        One that was killed a moment ago, with its parent, may still be ending.
        """
        deadline = time.monotonic() + END_GRACE_S
        while True:
            try:
                with exclusive(self.home / LOCK, wait=False):
                    return
            except Busy:
                if time.monotonic() > deadline:
                    raise LocalError(
                        f"{self.home}: a {self.name} runs with this data already. Stop it, or set EXLIFY_DATA_DIR to"
                        " another folder."
                    ) from None
            time.sleep(ASK_INTERVAL_S)

    def _class_flags(self, classpath: Sequence[str], jars: Sequence[Path]) -> list[str]:
        """The Java flags for a quick start of the classes in `jars`."""
        if self._class_list is not None:
            return [class_archive.recording(self._class_list)]
        return class_archive.flags(self.name, classpath, jars, self.cache_dir, self._rehearse)

    def _rehearse(self, data_dir: Path, class_list: Path) -> None:
        rehearsal = type(self)(data_dir, self.cache_dir, class_list=class_list)
        rehearsal.start()
        rehearsal.stop()

    def start(self) -> str:
        """Starts it and returns its address once it answers; raises LocalError where it does not in ten minutes."""
        self._process = Process(self.prepare())
        try:
            self.wait_ready(self._process)
        except LocalError:
            self.kill()
            raise
        return self.address

    def wait_ready(self, process: Process) -> None:
        """Returns once it answers; raises LocalError when `process` ends before it does, or after ten minutes."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.answers():
            if process.exit_code is not None:
                raise LocalError(self.explain_exit(process.exit_code))
            if time.monotonic() > deadline:
                raise LocalError(f"{self.name}: no answer in {START_TIMEOUT_S:.0f} s. Its log says why: {self.log}")
            time.sleep(ASK_INTERVAL_S)

    def stop(self) -> None:
        """Stops it in order: all it holds is on disk afterwards. Does nothing where it does not run."""
        if self._process is not None:
            self._process.stop(STOP_GRACE_S)
            self._process = None

    def kill(self) -> None:
        """Ends it as a crash would; `start` brings it back with its data. Does nothing where it does not run."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    @property
    def pid(self) -> int | None:
        """The id of its process while it runs."""
        return self._process.pid if self._process and self._process.exit_code is None else None

    def explain_exit(self, exit_code: int) -> str:
        """One line about an end that nobody asked for."""
        try:
            check_disk(self.home)
        except LocalError as disk:
            return str(disk)
        return f"{self.name}: ended with exit code {exit_code}{self._last_complaint()}. Its log says more: {self.log}"

    def _logs(self) -> list[Path]:
        """Where it writes: what Java itself says, and its own log if that is another file."""
        return [self.log.with_suffix(".out"), self.log]

    def _last_complaint(self) -> str:
        """The last error that this start, not an earlier one, has logged; empty where there is none."""
        for log in self._logs():
            found = [line for line in self._new_lines(log) if COMPLAINT.search(line)]
            if found:
                return f" ({found[-1].strip()[:200]})"
        return ""

    def _new_lines(self, log: Path) -> list[str]:
        try:
            content = log.read_bytes()[self._log_ends.get(log, 0) :]
        except FileNotFoundError:
            return []
        return content[-LOG_TAIL_BYTES:].decode(errors="replace").splitlines()
