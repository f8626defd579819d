"""What is kept of one correlation key: who waits, and which events have come.

A key mostly has one wait or one event, and one row. Where many wait under the same key, all but a few stand in further
rows, found by a hash; an event that is kept has a row of its own. All are changed through `Rows`, which gives them out
in an order in which a crash in the middle does no harm: first what the heads will speak of, then the heads, which note
up to where the input has been read, then what no head speaks of any more goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import ClassVar

import msgspec

from streams.runtime.processor import Row, StateView

IN_HEAD = 16  # waits
PARTS = 1_024  # further rows for waits, at most
EVENTS_KNOWN = 256  # of one key, the newest
HEAD = 1  # the number of the part that is the head itself


class Wait(msgspec.Struct, array_like=True, frozen=True):
    """A step that waits; `since` is the offset at which it began to."""

    instance_id: str
    pointer: str
    iteration: int
    attempt: int
    filter: int
    once: bool = msgspec.field(default=True)
    since: int = -1

    def at(self) -> tuple[str, str, int, int, int]:
        """What tells it from others."""
        return self.instance_id, self.pointer, self.iteration, self.attempt, self.filter


class Seen(msgspec.Struct, array_like=True):
    """An event that came at the offset `origin`; it is known until its time is over, and `kept` if nobody has it."""

    event_key: str
    origin: int
    until_ms: int
    kept: bool = False


class Head(msgspec.Struct, array_like=True, tag=0):
    """The row of a key."""

    offset: int = -1  # of the last record that went into it
    waits: list[Wait] = []
    parts: list[int] = []  # numbers of the further rows
    seen: list[Seen] = []

    @property
    def due_ms(self) -> int:
        """When the first event is to be forgotten; 0 for never."""
        return min((each.until_ms for each in self.seen), default=0)


class Part(msgspec.Struct, array_like=True, tag=1):
    """Further waits of a key."""

    waits: list[Wait] = []
    due_ms: ClassVar[int] = 0


class Kept(msgspec.Struct, array_like=True, tag=2):
    """An event that is kept, as it was offered. It goes by itself when its time is over."""

    event: bytes
    values: bytes
    at_ms: int
    until_ms: int

    @property
    def due_ms(self) -> int:
        """When it is to be forgotten."""
        return self.until_ms


class Came(msgspec.Struct, array_like=True, frozen=True):
    """An event of a set that is not whole: which of the definition's events it is, and until when it waits."""

    event_key: str
    filters: list[int]
    event: bytes
    time_ms: int
    until_ms: int


class Known(msgspec.Struct, array_like=True, frozen=True):
    """An event that has counted."""

    event_key: str
    until_ms: int


class Gathering(msgspec.Struct, array_like=True, tag=3):
    """The row of a set of events that start an instance together."""

    offset: int = -1  # of the last record that went into it
    came: list[Came] = []
    known: list[Known] = []

    @property
    def due_ms(self) -> int:
        """When the first event is to be forgotten; 0 for never."""
        return min([*(each.until_ms for each in self.came), *(each.until_ms for each in self.known)], default=0)


_decoder = msgspec.msgpack.Decoder(Head | Part | Kept | Gathering)
encode = msgspec.msgpack.encode


def decode(row: Row) -> Head | Part | Kept | Gathering:
    """What a row says."""
    found: Head | Part | Kept | Gathering = _decoder.decode(row.value)
    return found


class Rows:
    """The rows of a batch, read once and given out at its end."""

    def __init__(self, state: StateView) -> None:
        self._state = state
        self._heads: dict[bytes, Head] = {}
        self._sets: dict[bytes, Gathering] = {}
        self._others: dict[bytes, Part | Kept | None] = {}

    def head(self, key: bytes) -> Head:
        """The head of a key, to be changed."""
        if key not in self._heads:
            row = self._state.get(key)
            found = Head() if row is None else decode(row)
            assert isinstance(found, Head)
            self._heads[key] = found
        return self._heads[key]

    def gathering(self, key: bytes) -> Gathering:
        """The set of a key, to be changed."""
        if key not in self._sets:
            row = self._state.get(key)
            found = Gathering() if row is None else decode(row)
            assert isinstance(found, Gathering)
            self._sets[key] = found
        return self._sets[key]

    def parts(self, key: bytes, after: int) -> Iterator[tuple[int, list[Wait]]]:
        """The waits of a key, part by part behind a number; what is changed has to be given to `write`."""
        head = self.head(key)
        if after < HEAD:
            yield HEAD, list(head.waits)
        for number in [each for each in head.parts if each > after]:
            yield number, list(self._part(key, number).waits)

    def write(self, key: bytes, number: int, waits: list[Wait]) -> None:
        """A part of the waits is this now."""
        head = self.head(key)
        if number == HEAD:
            head.waits = waits
            return
        self._others[_of_part(key, number)] = Part(waits) if waits else None
        parts = {*head.parts, number} if waits else {*head.parts} - {number}
        head.parts = sorted(parts)

    def add(self, key: bytes, wait: Wait) -> None:
        """The step waits, whether it did before or not."""
        self.remove(key, wait)
        head = self.head(key)
        if len(head.waits) < IN_HEAD:
            head.waits = [*head.waits, wait]
        else:
            number = _part_of(wait)
            self.write(key, number, [*self._part(key, number).waits, wait])

    def remove(self, key: bytes, wait: Wait) -> None:
        """The step does not wait, whether it did before or not."""
        head = self.head(key)
        left = [each for each in head.waits if each.at() != wait.at()]
        if len(left) < len(head.waits):
            head.waits = left
        elif (number := _part_of(wait)) in head.parts:
            self.write(key, number, [each for each in self._part(key, number).waits if each.at() != wait.at()])

    def keep(self, key: bytes, event_key: str, kept: Kept | None) -> None:
        """The event is kept, or not any more."""
        self._others[_of_event(key, event_key)] = kept

    def kept(self, key: bytes, event_key: str) -> Kept | None:
        """An event that is kept; None if its time is over."""
        found = self._read(_of_event(key, event_key))
        assert not isinstance(found, Part)
        return found

    def changes(self) -> dict[bytes, Row | None]:
        """What has become of them, in the order in which it is to be written."""
        written = {key: Row(encode(each), each.due_ms) for key, each in self._others.items() if each is not None}
        heads = {key: _row(head) for key, head in self._heads.items()}
        sets = {key: Row(encode(one), one.due_ms) if one.known else None for key, one in self._sets.items()}
        return {**written, **heads, **sets, **{key: None for key, each in self._others.items() if each is None}}

    def _part(self, key: bytes, number: int) -> Part:
        if number not in self.head(key).parts:
            return Part()
        found = self._read(_of_part(key, number))
        return found if isinstance(found, Part) else Part()

    def _read(self, key: bytes) -> Part | Kept | None:
        if key in self._others:
            return self._others[key]
        row = self._state.get(key)
        found = None if row is None else decode(row)
        assert not isinstance(found, Head | Gathering)
        return found


def _row(head: Head) -> Row | None:
    return Row(encode(head), head.due_ms) if head.waits or head.parts or head.seen else None


def _part_of(wait: Wait) -> int:
    digest = blake2b("/".join(map(str, wait.at())).encode(), digest_size=4).digest()
    return HEAD + 1 + int.from_bytes(digest, "big") % PARTS


def _of_part(key: bytes, number: int) -> bytes:
    return b"%b/%d" % (key, number)


def _of_event(key: bytes, event_key: str) -> bytes:
    return b"%b#%b" % (key, event_key.encode())
