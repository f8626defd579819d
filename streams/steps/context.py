"""What a step is told beside its arguments: an argument annotated `Context` gets it, under any name."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import structlog

Count = Callable[[str, float], None]
"""Adds to a number of the function's own, by its name."""


def _nothing() -> None:
    """Nobody has to be told."""


def _nowhere(name: str, by: float) -> None:
    """Where nobody reads metrics."""


class Context:
    """One attempt at one step."""

    def __init__(
        self,
        *,
        function: str,
        key: str,
        workflow: str = "",
        pointer: str = "",
        attempt: int = 0,
        deadline_ms: int | None = None,
        count: Count = _nowhere,
    ) -> None:
        self.key = key
        """Idempotency key: the same for this step whenever it is tried. Hand it to the system that is called."""
        self.workflow = workflow
        self.pointer = pointer
        """The task, as a JSON Pointer into the definition."""
        self.attempt = attempt
        """0 at first; more where it was tried before."""
        self.deadline = None if deadline_ms is None else deadline_ms / 1_000
        """Unix time in seconds after which nobody waits for the result; None: somebody always does."""
        self.log: structlog.stdlib.BoundLogger = structlog.get_logger().bind(function=function, step=key)
        """The worker's log. Quote no data of the business."""
        self.alive_at = time.monotonic()  # the last sign of life
        self.on_sign: Callable[[], None] = _nothing
        self.on_cancel: Callable[[], None] = _nothing
        self._described = {
            "function": function, "key": key, "workflow": workflow, "pointer": pointer, "attempt": attempt,
            "deadline_ms": deadline_ms,
        }  # fmt: skip
        self._cancelled = threading.Event()
        self._count = count

    @property
    def cancelled(self) -> bool:
        """Whether the result is not wanted any more: a long step looks from time to time, and returns."""
        return self._cancelled.is_set()

    @property
    def remaining_s(self) -> float | None:
        """Seconds up to the deadline, 0 where it has passed; None without one."""
        return None if self.deadline is None else max(0.0, self.deadline - time.time())

    def progress(self, message: str = "") -> None:
        """A sign of life: `timeout` begins anew. A message goes into the log."""
        self.alive_at = time.monotonic()
        self.on_sign()
        if message:
            self.log.info("progress", message=message)

    def count(self, name: str, by: float = 1) -> None:
        """Adds to a metric of the function's own, `exlify_own_counts_total`. Few names, and no data in them."""
        self._count(name, by)

    def cancel(self) -> None:
        """Tells the step that nobody waits; for whoever carries it out."""
        self._cancelled.set()
        self.on_cancel()

    def described(self) -> dict[str, Any]:
        """What another one of the same is made with."""
        return self._described
