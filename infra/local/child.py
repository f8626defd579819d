"""One supervised child: started, asked until it is ready, started again with growing pauses when it ends unasked."""

from __future__ import annotations

import asyncio
import signal
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infra.local.console import Console
from infra.local.errors import LocalError
from infra.local.process import Launch

ASK_INTERVAL_S = 0.1
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
# How long the output of a killed child may take to be read: something that it started may hold it open.
LAST_WORDS_S = 2.0
# A child that lived this long was well: its next end begins the pauses anew.
WELL_AFTER_S = 60.0
# A child that has ended, again and again, for so long without ever being ready is not waited for.
HOPE_S = 60.0
LINE_LIMIT_BYTES = 1024 * 1024
# sysexits.h: EX_USAGE as our commands give it, EX_CONFIG. A wrong setting does not get right by trying again.
HOPELESS = {2, 78}


@dataclass(frozen=True)
class ChildSpec:
    """What the supervisor needs to know of a child. The functions may block: they run in threads.

    `prepare` gives what to run, anew for each start; `answers` says whether it is ready; `explain` turns an exit code
    into a line for people; `captured`: its output comes through the console, else it goes to the file of its launch.
    `start_timeout_s` is for what may hang; without, one that runs is waited for, as a worker that reads its state again
    takes as long as there is state.
    """

    name: str
    prepare: Callable[[], Launch]
    answers: Callable[[], bool]
    explain: Callable[[int], str] | None = None
    start_timeout_s: float | None = None
    stop_grace_s: float = 15.0
    captured: bool = True


class Child:
    """A child and the task that keeps it running; `preparing` says that a thread works for it."""

    def __init__(self, spec: ChildSpec, console: Console, on_start: Callable[[str, int], None]) -> None:
        self.spec = spec
        self._console = console
        self._on_start = on_start
        self._process: Process | None = None
        self._started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._stopping = False
        self.preparing = False
        self._keeper: asyncio.Task[None] | None = None

    def start(self) -> asyncio.Task[None]:
        """Starts it and keeps it running; the task ends with LocalError when that is hopeless."""
        self._keeper = asyncio.create_task(self._keep(), name=self.spec.name)
        return self._keeper

    async def ready(self) -> None:
        """Returns once it has answered; raises LocalError where it does not in time, keeps ending before it does, or
        has ended for good."""
        assert self._keeper is not None
        both: set[asyncio.Future[Any]] = {self._started, self._keeper}
        await asyncio.wait(both, timeout=self.spec.start_timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if self._keeper.done():
            await self._keeper
        elif not self._started.done():
            raise LocalError(f"{self.spec.name}: not ready after {self.spec.start_timeout_s:.0f} s. Its log says why.")
        elif complaint := self._started.result():
            raise LocalError(complaint)

    async def stop(self) -> None:
        """Asks it to end, kills it when it takes too long; returns when it is gone and its last words are read."""
        self._stopping = True
        if self._keeper is None:
            return
        if self._is_running and not await self._ends_on(signal.SIGTERM, self.spec.stop_grace_s):
            self._console.say(f"{self.spec.name} did not stop in {self.spec.stop_grace_s:g} s and is killed")
            await self._ends_on(signal.SIGKILL, LAST_WORDS_S)
        self._keeper.cancel()
        await asyncio.gather(self._keeper, return_exceptions=True)

    def kill(self) -> None:
        """Ends it at once."""
        self._stopping = True
        self._send(signal.SIGKILL)

    @property
    def _is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None and self._is_running:
            self._process.send_signal(number)

    async def _ends_on(self, number: signal.Signals, timeout_s: float) -> bool:
        assert self._keeper is not None
        self._send(number)
        ended, _ = await asyncio.wait({self._keeper}, timeout=timeout_s)
        return bool(ended)

    async def _keep(self) -> None:
        pause_s = FIRST_PAUSE_S
        first = time.monotonic()
        while True:
            began = time.monotonic()
            exit_code = await self._run_once()
            if self._stopping:
                return
            self._judge(exit_code)
            if time.monotonic() - first > HOPE_S:
                self._settle(f"{self.spec.name}: ends each time before it is ready. Its log says why.")
            if time.monotonic() - began > WELL_AFTER_S:
                pause_s = FIRST_PAUSE_S
            self._console.say(f"{self._explain(exit_code)} It starts again in {pause_s:g} s.")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _judge(self, exit_code: int) -> None:
        """Raises where another start would not help: a wrong setting, or a server that has never answered."""
        if exit_code in HOPELESS or (self.spec.explain and not self._is_ready):
            raise LocalError(self._explain(exit_code))

    async def _run_once(self) -> int:
        process = await self._spawn(await self._prepare())
        self._process = process
        self._on_start(self.spec.name, process.pid)
        asking = asyncio.create_task(self._ask())
        try:
            await self._relay(process)
            return await process.wait()
        finally:
            asking.cancel()

    async def _prepare(self) -> Launch:
        # The thread, not the waiting for it, says when this is over: a cancellation ends only the waiting.
        self.preparing = True
        return await asyncio.to_thread(self._prepare_in_thread)

    def _prepare_in_thread(self) -> Launch:
        try:
            return self.spec.prepare()
        finally:
            self.preparing = False

    async def _spawn(self, launch: Launch) -> Process:
        """Forks from this thread, the event loop's: the leash holds as long as the thread lives."""
        launch.log.parent.mkdir(parents=True, exist_ok=True)
        with launch.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *launch.leashed,
                env=launch.environ,
                stdin=DEVNULL,
                stdout=PIPE if self.spec.captured else log,
                stderr=STDOUT,
                limit=LINE_LIMIT_BYTES,
                start_new_session=True,
            )

    async def _relay(self, process: Process) -> None:
        while process.stdout is not None:
            try:
                line = await process.stdout.readline()
            except ValueError:
                self._console.line(self.spec.name, f"(a line of more than {LINE_LIMIT_BYTES >> 20} MiB is left out)")
                continue
            if not line:
                return
            self._console.line(self.spec.name, line.decode(errors="replace").rstrip())

    async def _ask(self) -> None:
        # It is another process: asking is the only way to know.
        while not await asyncio.to_thread(self.spec.answers):  # noqa: ASYNC110
            await asyncio.sleep(ASK_INTERVAL_S)
        self._settle("")

    def _settle(self, complaint: str) -> None:
        """How the start has ended: the first that is told counts, and no complaint means that it has answered."""
        if not self._started.done():
            self._started.set_result(complaint)

    @property
    def _is_ready(self) -> bool:
        return self._started.done() and not self._started.result()

    def _explain(self, exit_code: int) -> str:
        if self.spec.explain is not None:
            return self.spec.explain(exit_code)
        how = (
            f"was ended by {signal.Signals(-exit_code).name}" if exit_code < 0 else f"ended with exit code {exit_code}"
        )
        return f"{self.spec.name} {how}."
