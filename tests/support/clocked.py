"""A story whose records come when the test says."""

from __future__ import annotations

from typing import Any, Self

from tests.support.stories import START_MS, Story

PROBLEM = {"type": "about:blank", "title": "Away", "status": 503, "detail": "it was away", "reason": "UNREACHED"}


class Clocked(Story):
    """Times are seconds since `START_MS`."""

    def __init__(self, yaml: str, instance_id: str = "ab" * 16) -> None:
        super().__init__(yaml, instance_id)
        self.entries: list[dict[str, Any]] = []

    def at(self, second: int) -> Self:
        """The next record comes then."""
        self._offset = second - 1
        return self

    def _take(self, name: str, fields: dict[str, Any]) -> list[dict[str, Any]]:
        found = super()._take(name, fields)
        self.entries += found
        return found

    def retrying(self, pointer: str, due_s: int, retry: int = 1) -> None:
        self.failed_try(pointer, START_MS + due_s * 1_000, retry, error=PROBLEM)
