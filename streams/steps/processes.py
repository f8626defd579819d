"""Steps in processes of their own: for what keeps a processor busy, takes memory, or may bring its process down.

A process takes a step at a time and is used again. One that is given up is killed, which ends the step for certain.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from typing import Any

from schemas.functions import EffectClass
from schemas.payload import Json
from streams.steps.context import Context
from streams.steps.declared import Step
from streams.steps.frames import Asked, Come, Sign, Taken, read_frame, write_frame


class ProcessEndedError(Exception):
    """The process of a step has ended before the step."""


class Processes:
    """The processes of one function."""

    def __init__(self, step: Step[..., Any]) -> None:
        self._step = step
        self._idle: list[Child] = []

    def take(self) -> Child:
        """One that has nothing to do; it is started, if need be, when it is asked for something."""
        while self._idle:
            child = self._idle.pop()
            if child.lives:
                return child
        return Child(self._step)

    def give_back(self, child: Child) -> None:
        """It is through with its step."""
        if child.lives:
            self._idle.append(child)

    def close(self) -> None:
        """Ends those that have nothing to do."""
        for child in self._idle:
            child.kill()
        self._idle.clear()


class Child:
    """One process."""

    def __init__(self, step: Step[..., Any]) -> None:
        self._step = step
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False
        self._spent = False

    @property
    def lives(self) -> bool:
        """Whether it can be asked for another step."""
        return not (self._spent or self._process is None or self._process.poll() is not None)

    def carry_out(self, given: Json, context: Context, effect: EffectClass) -> Come:
        """What came of a step; blocks. Raises ProcessEndedError."""
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            write_frame(process.stdin, Asked(given, context.described(), effect))
            while (frame := read_frame(process.stdout)) is not None:
                if isinstance(frame, Come):
                    self._spent = frame.last
                    return frame
                if isinstance(frame, Sign):
                    context.progress()
                    if frame.name:
                        context.count(frame.name, frame.by)
        except OSError:
            pass
        code = process.wait()
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        raise ProcessEndedError(f"its process ended {how}")

    def take_back(self) -> None:
        """Tells the step that nobody waits for it."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError, ValueError):
                write_frame(self._process.stdin, Taken())

    def kill(self) -> None:
        """Ends it, with whatever it does."""
        self._killed = True
        if self._process is not None:
            self._process.kill()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            limit = str(self._step.memory_mb * 2**20)
            command = [sys.executable, "-m", "streams.steps.child", self._step.file, self._step.name, limit]
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe)
            if self._killed:  # while it was being started
                self._process.kill()
        return self._process
