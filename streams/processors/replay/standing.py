"""Where a replay is: its row, from which it goes on after any crash, and the state that people see of it."""

from __future__ import annotations

from typing import Any

import msgspec

from streams.runtime.processor import Row

RUNNING, PAUSED, COMPLETED, CANCELLED, FAILED = "running", "paused", "completed", "cancelled", "failed"
LIVE = (RUNNING, PAUSED)
REMEMBERED_MS = 90 * 86_400_000  # a name of one that is over is not given again


class Part(msgspec.Struct, array_like=True, frozen=True):
    """What is left of one partition."""

    topic: str
    partition: int
    next: int
    end: int
    read_to_ms: int = 0  # the time of the last record that was read


class Past(msgspec.Struct, array_like=True, frozen=True):
    """What is left of history: starts behind this place, before a time (epoch)."""

    at_ms: int
    instance_id: str
    until_ms: int


class Counts(msgspec.Struct, array_like=True, frozen=True):
    """What was done so far."""

    held: int = 0
    gone: int = 0
    read: int = 0
    from_history: int = 0
    unreadable: int = 0
    replayed: int = 0
    changed: int = 0
    unanswered: int = 0


class Standing(msgspec.Struct, array_like=True, frozen=True):
    """A replay."""

    name: str
    request: bytes
    actor: str
    started_at_ms: int
    seq: int = 0
    turn: int = 0
    status: str = RUNNING
    at_ms: int = 0
    ended_at_ms: int | None = None
    planned: bool = False  # whether `parts` say what is to be read
    parts: tuple[Part, ...] = ()
    past: Past | None = None
    counts: Counts = Counts()
    action_id: str | None = None
    refused: str | None = None
    detail: str | None = None

    @property
    def key(self) -> bytes:
        """Of its row."""
        return self.name.encode()

    def changed(self, at_ms: int, **fields: Any) -> Standing:
        """As it is from a time on."""
        status = fields.get("status", self.status)
        ended = self.ended_at_ms if status in LIVE else (self.ended_at_ms or at_ms)
        return msgspec.structs.replace(self, seq=self.seq + 1, at_ms=at_ms, ended_at_ms=ended, **fields)

    def row(self, due_ms: int) -> Row:
        """Its row; due when the next turn is, and when it is forgotten."""
        due = due_ms if self.status == RUNNING else 0 if self.status in LIVE else self.at_ms + REMEMBERED_MS
        return Row(msgspec.msgpack.encode(self), due)

    def told(self) -> dict[str, Any]:
        """The fields of its ReplayState."""
        names = ("name", "seq", "status", "request", "started_at_ms", "at_ms", "ended_at_ms", "actor")
        last = ("action_id", "refused", "detail")
        return {**{name: getattr(self, name) for name in (*names, *last)}, **msgspec.structs.asdict(self.counts)}


def standing_of(row: Row | None) -> Standing | None:
    """The replay of a row."""
    return None if row is None else msgspec.msgpack.decode(row.value, type=Standing)


def seen_key(name: str, instance_id: str) -> bytes:
    """The key of the row that says that an event was processed."""
    return f"seen/{name}/{instance_id}".encode()
