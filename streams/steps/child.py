"""`python -m streams.steps.child FILE NAME MEMORY_BYTES`: a process that carries out one function, a step at a time.

Frames come on standard input and go to what was standard output; whatever the function prints goes to standard error.
It ends with its parent: when nobody can write to it any more, it has nobody to work for.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import msgspec

from streams.steps import outcome
from streams.steps.attempt import arguments_of
from streams.steps.context import Context
from streams.steps.frames import Asked, Sign, Taken, come, read_frame, write_frame
from streams.steps.loading import load_steps
from streams.steps.outcome import Outcome


def main(arguments: Sequence[str]) -> None:
    """Works until standard input ends."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    (step,) = [each for each in load_steps([Path(arguments[0])]) if each.name == arguments[1]]
    _bound(int(arguments[2]))
    inbox = _Inbox(sys.stdin.buffer)
    while True:
        asked = inbox.next()
        context = Context(**asked.context, count=lambda name, by: write_frame(replies, Sign(name, by)))
        context.on_sign = lambda: write_frame(replies, Sign("", 0))
        inbox.context = context
        given = arguments_of(step, asked.given, context)
        if isinstance(given, Outcome):
            ended = given
        else:
            try:
                ended = outcome.given(step, step.call(**given))
            except BaseException as error:  # noqa: BLE001  # whatever a function of a user raises is told, not raised
                ended = outcome.raised(step, error, asked.effect)
                if isinstance(error, MemoryError):
                    write_frame(replies, come(ended, last=True))
                    return
        write_frame(replies, come(ended))


class _Inbox:
    """What the parent says, read in a thread, so that a step can be taken back while it runs."""

    def __init__(self, frames: IO[bytes]) -> None:
        self.context: Context | None = None
        self._frames = frames
        self._asked: Asked | None = None
        self._there = threading.Semaphore(0)
        threading.Thread(target=self._read, daemon=True).start()

    def next(self) -> Asked:
        """The next step that is asked for."""
        self._there.acquire()
        assert self._asked is not None
        return self._asked

    def _read(self) -> None:
        while (frame := read_frame(self._frames)) is not None:
            if isinstance(frame, Asked):
                self._asked = frame
                self._there.release()
            elif isinstance(frame, Taken) and self.context is not None:
                self.context.cancel()
        os._exit(0)


def _bound(memory_bytes: int) -> None:
    """More memory than this raises MemoryError here, and costs nobody else."""
    with suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * os.sysconf("SC_PAGE_SIZE") + memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    with suppress(BrokenPipeError, msgspec.MsgspecError):
        main(sys.argv[1:])
