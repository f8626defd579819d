"""Records that a worker died over: noted while they are handled, and found by its next life.

Before a fast lane looks into a batch it notes which records that are, in a page of a file that outlives the process
(a write to memory, no call of the system); once they are handled the note is gone. A lane that finds a note knows that
its last life ended in the middle: killed, stalled, out of memory, or by a fault of a library. It handles these records
one by one, so that a second death tells which it was; over that one a trial decides (`trial.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import msgspec

from streams.runtime.pages import mapped
from streams.runtime.processor import Record

TRIED_AFTER = 2  # deaths

_PAGE = 4_096
_EARLIER = _PAGE // 2  # the second half holds what the lives before were about
_LENGTH_BYTES = 2


class Note(msgspec.Struct, array_like=True):
    """Records that were being handled: the first and the last offset of each topic, and how often somebody died."""

    ranges: dict[str, tuple[int, int]] = {}
    deaths: int = 0

    def has(self, record: Record) -> bool:
        """Whether the record is one of them."""
        bounds = self.ranges.get(record.topic)
        return bounds is not None and bounds[0] <= record.offset <= bounds[1]

    def touches(self, other: Note) -> bool:
        """Whether both are about the same records, some of them at least."""
        shared = self.ranges.keys() & other.ranges.keys()
        return any(
            self.ranges[topic][0] <= other.ranges[topic][1] and other.ranges[topic][0] <= self.ranges[topic][1]
            for topic in shared
        )


class Suspects:
    """What one lane knows of the deaths of its earlier lives, and what it leaves for the next."""

    def __init__(self, path: Path) -> None:
        self._page = mapped(path, _PAGE)
        left, earlier = self._read(0), self._read(_EARLIER)
        if left.ranges:
            left.deaths = earlier.deaths + 1 if left.touches(earlier) else 1
            earlier = left
        self._earlier = earlier
        self._write(_EARLIER, earlier)
        self._write(0, Note())

    @property
    def deaths(self) -> int:
        """How many lives in a row ended over the records that are suspected now."""
        return self._earlier.deaths

    def few_enough(self, queue: Sequence[Record], limit: int) -> int:
        """How many records of the queue may be handled together: a suspect stands alone."""
        if not self._earlier.ranges:
            return limit
        before = next((n for n, record in enumerate(islice(queue, limit)) if self._earlier.has(record)), limit)
        return max(1, before)

    def to_be_tried(self, records: Sequence[Record]) -> bool:
        """Whether the only record of a batch has to pass a trial before it may be handled here."""
        return self.deaths >= TRIED_AFTER and len(records) == 1 and self._earlier.has(records[0])

    def begin(self, records: Sequence[Record]) -> None:
        """These records are going to be looked into."""
        first, last = records[0], records[-1]
        ranges = {first.topic: (first.offset, last.offset)}
        if first.topic != last.topic or last.offset - first.offset + 1 != len(records):  # gaps, or topics in turns
            ranges = {}
            for record in records:
                low, _ = ranges.get(record.topic, (record.offset, 0))
                ranges[record.topic] = (low, record.offset)
        self._write(0, Note(ranges))

    def end(self, records: Sequence[Record] = ()) -> None:
        """Nothing is being looked into any more; these records are handled, and above suspicion."""
        self._page[:_LENGTH_BYTES] = b"\0\0"
        if self._earlier.ranges and records:
            self._clear(records[-1])

    def _clear(self, record: Record) -> None:
        bounds = self._earlier.ranges.get(record.topic)
        if bounds is None or record.offset < bounds[0]:
            return
        ranges = {topic: each for topic, each in self._earlier.ranges.items() if topic != record.topic}
        if record.offset < bounds[1]:
            ranges[record.topic] = (record.offset + 1, bounds[1])
        self._earlier = Note(ranges, self.deaths if ranges else 0)
        self._write(_EARLIER, self._earlier)

    def close(self) -> None:
        """Lets go of the file."""
        self._page.close()

    def _read(self, at: int) -> Note:
        length = int.from_bytes(self._page[at : at + _LENGTH_BYTES], "big")
        try:
            return msgspec.msgpack.decode(self._page[at + _LENGTH_BYTES : at + _LENGTH_BYTES + length], type=Note)
        except msgspec.DecodeError:
            return Note()

    def _write(self, at: int, note: Note) -> None:
        raw = msgspec.msgpack.encode(note)
        if len(raw) + _LENGTH_BYTES > _EARLIER:  # topics without number: what is not known cannot be tried
            raw = b""
        self._page[at + _LENGTH_BYTES : at + _LENGTH_BYTES + len(raw)] = raw
        self._page[at : at + _LENGTH_BYTES] = len(raw).to_bytes(_LENGTH_BYTES, "big")


class _Nobody(Suspects):
    """For lanes that note nothing: in tests, and where the state folder is not to be written."""

    def __init__(self) -> None:
        self._earlier = Note()

    def begin(self, records: Sequence[Record]) -> None:
        """Notes nothing."""

    def end(self, records: Sequence[Record] = ()) -> None:
        """Notes nothing."""

    def close(self) -> None:
        """Holds nothing."""


NOBODY = _Nobody()
