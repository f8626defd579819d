"""Keeps a whole local system running: children in stages, one log stream, everything ends with it.

The children of a stage start side by side; the next stage begins when all of them answer. Stopping goes the other way
round, so that nobody loses a server that it still needs. Which children there are is the caller's business
(streams/cli/up.py); this module knows none of them by name.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from infra.local.awaited import Awaited
from infra.local.child import Child, ChildSpec
from infra.local.console import OWN_NAME, Console
from infra.local.datafolder import DataFolder

EXIT_INTERRUPTED = 130  # 128 + SIGINT
EXIT_FAILED = 69  # EX_UNAVAILABLE
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Stage:
    """Children that start together, and what is done once all of them answer, with a name for people."""

    children: Sequence[ChildSpec]
    then: Callable[[], Awaitable[None]] | None = None
    then_named: str = ""  # not spoken of without


class Supervisor:
    """Runs the stages in a data folder that this process occupies."""

    def __init__(
        self,
        folder: DataFolder,
        stages: Sequence[Stage],
        visible: Callable[[str], str],
        *,
        coloured: bool = False,
        meanwhile: Callable[[Supervisor], Awaitable[None]] | None = None,
    ) -> None:
        """`meanwhile` is awaited once all stages have started, and called off at the end."""
        self._folder = folder
        self._stages = stages
        self._meanwhile = meanwhile
        names = [spec.name for stage in stages for spec in stage.children]
        self._console = Console(folder.path / "logs", max(map(len, [OWN_NAME, *names])), visible, coloured)
        self._started: list[list[Child]] = []
        self._pids: dict[str, int] = {}
        self._stop = asyncio.Event()
        self._failure: BaseException | None = None

    async def run(self, when_ready: Callable[[float], Sequence[str]]) -> None:
        """Runs until a signal says stop; `when_ready` gets the seconds it took and gives the lines to show then.

        Raises LocalError when a child cannot be started or has ended for good; everything is stopped by then.
        """
        for number in STOP_SIGNALS:
            # What is ignored stays so: nohup means it.
            if signal.getsignal(number) is not signal.SIG_IGN:
                asyncio.get_running_loop().add_signal_handler(number, self._on_signal)
        starting = asyncio.create_task(self._start_all(when_ready))
        starting.add_done_callback(self._on_end)
        try:
            await self._stop.wait()
        finally:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            await self._stop_all()
            self._console.close()
        self._leave_if_busy()
        if self._failure is not None:
            raise self._failure

    async def _start_all(self, when_ready: Callable[[float], Sequence[str]]) -> None:
        began = time.monotonic()
        awaited = Awaited(self._console.say)
        telling = asyncio.create_task(awaited.tell())
        try:
            for stage in self._stages:
                await self._start(stage, awaited)
        finally:
            telling.cancel()
        for line in when_ready(time.monotonic() - began):
            self.say(line)
        if self._meanwhile is not None:
            await self._meanwhile(self)

    def say(self, line: str) -> None:
        """Shows a line to people."""
        self._console.say(line)

    async def add(self, spec: ChildSpec) -> None:
        """Starts one more child, beside those of the last stage; returns once it answers.

        Raises LocalError where it does not; one that has ended for good ends everything, as any other.
        """
        child = Child(spec, self._console, self._note_pid)
        self._started[-1].append(child)
        child.start().add_done_callback(self._on_end)
        await child.ready()

    async def _start(self, stage: Stage, awaited: Awaited) -> None:
        children = [Child(spec, self._console, self._note_pid) for spec in stage.children]
        self._started.append(children)
        if children:
            self._console.say(f"starts {', '.join(child.spec.name for child in children)}")
        for child in children:
            child.start().add_done_callback(self._on_end)
        await asyncio.gather(*(awaited.on(child.spec.name, child.ready()) for child in children))
        if stage.then is not None:
            await (awaited.on(stage.then_named, stage.then()) if stage.then_named else stage.then())

    async def _stop_all(self) -> None:
        self._console.say("stopping")
        for children in reversed(self._started):
            await asyncio.gather(*(child.stop() for child in children))
        self._console.say("stopped")

    def _on_end(self, task: asyncio.Task[None]) -> None:
        """The first failure, of a start or of a child that has ended for good, stops everything and is the result."""
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._failure = self._failure or failure
            self._stop.set()

    def _leave_if_busy(self) -> None:
        """Ends the process where a download still runs: its thread cannot be interrupted, and an exit waits for it."""
        if any(child.preparing for children in self._started for child in children):
            print(f"exlify: {self._failure or 'interrupted'}", file=sys.stderr)
            sys.stdout.flush()
            os._exit(EXIT_FAILED if self._failure else EXIT_INTERRUPTED)

    def _on_signal(self) -> None:
        """The first signal stops in order; a second one does not wait."""
        if self._stop.is_set():
            for children in self._started:
                for child in children:
                    child.kill()
        self._stop.set()

    def _note_pid(self, name: str, pid: int) -> None:
        self._pids[name] = pid
        self._folder.publish({"pids": self._pids})
