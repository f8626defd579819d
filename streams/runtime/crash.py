"""Named points of the write order at which a test can have this process killed or stopped.

`EXLIFY_CRASH_AT=orchestrate:after_outputs:3` kills the process (-9) the third time that the processor reaches the
point; `orchestrate:after_outputs:3:stop` stops it (SIGSTOP), so that the test can wake it as a zombie. Without the
setting a point costs one comparison.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

POINTS = (
    "after_read",
    "after_intent",
    "after_finish",
    "after_handle",
    "after_outputs",
    "after_changelog",
    "after_store",
    "after_acknowledge",
    "after_commit",
    "after_recovery",
    "after_fence",
)
ACTIONS = ("kill", "stop")


def is_specification(text: str) -> bool:
    """Whether it names a processor, one of our points, a count and an action."""
    processor, point, count, action = (*text.split(":"), "kill", "", "", "")[:4]
    known = point in POINTS and action in ACTIONS and text.count(":") in (2, 3)
    return bool(processor) and known and count.isdecimal() and int(count) > 0


class CrashPoint:
    """The crash that one process was asked for; `reach` is called at every point."""

    def __init__(self, specification: str = "") -> None:
        processor, point, count, action = (
            (*specification.split(":"), "kill")[:4] if specification else ("", "", "0", "")
        )
        self.armed = bool(specification)
        self._target = (processor, point)
        self._count = int(count)
        self._signal = signal.SIGSTOP if action == "stop" else signal.SIGKILL
        self._reached: Counter[tuple[str, str]] = Counter()

    def reach(self, processor: str, point: str) -> None:
        """Ends or stops the process if this is the point, processor and count asked for."""
        if not self.armed or (processor, point) != self._target:
            return
        self._reached[processor, point] += 1
        if self._reached[processor, point] == self._count:
            self.armed = False
            os.kill(os.getpid(), self._signal)
