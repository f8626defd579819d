"""The rows that a lane has decided on and not written yet: whoever decides next about one does so from these.

In a slow lane many messages are under way, and what is finished is written together a moment later. Two about one row
may end within that moment, such as the result of a step and word that it is not wanted any more: where the second looks
at the table only, its row is written over the first one's, and one of the two is as if it had never come.
"""

from __future__ import annotations

from streams.runtime.processor import Row
from streams.runtime.recent import UNKNOWN

Changes = dict[bytes, Row | None]


class Decided:
    """Of one lane. Of a key the last decision counts, whatever the order in which they are written."""

    def __init__(self) -> None:
        self._newest: Changes = {}
        self._waiting: Changes = {}  # for the next write
        self._taken: Changes = {}  # for the one that goes on

    def get(self, key: bytes) -> Row | None:
        """The row that was decided last, None where it is to be deleted; `UNKNOWN` itself where the table tells."""
        return self._newest.get(key, UNKNOWN)

    def wait(self, changes: Changes) -> None:
        """They will be written with those of others, once they are taken."""
        self._newest.update(changes)
        self._waiting.update(changes)

    def take(self) -> Changes:
        """All that wait, to be written now. What is decided meanwhile and written before them goes from among them."""
        self._taken, self._waiting = self._waiting, {}
        return self._taken

    def overtake(self, changes: Changes) -> None:
        """They are written at once: what waits or was taken is older."""
        if not self._newest.keys().isdisjoint(changes):
            for key in changes:
                self._waiting.pop(key, None)
                self._taken.pop(key, None)
        self._newest.update(changes)

    def written(self, changes: Changes) -> None:
        """The table has them."""
        for key, row in changes.items():
            if self._newest.get(key, UNKNOWN) is row:
                del self._newest[key]
