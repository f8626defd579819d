"""What a slow lane was at when its worker died: as `suspects.py`, for many records at a time in any order.

Each record that is being handled has a place in a page of a file that outlives the process; how many lives ended while
it was there stands beside it. Calls are many and slow, so most that were under way in a death have nothing to do with
it: they are carried out again with the others, and only one that two deaths in a row have in common is tried.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

from streams.runtime.pages import mapped
from streams.runtime.processor import Record

TRIED_AFTER = 2  # deaths

_PLACE = struct.Struct("<qIHH")  # offset + 1 (0: free), topic, deaths, whether it is being handled
_PLACES = 4_096  # more records than that are not under way in a lane
_Key = tuple[int, int]


class InFlight:
    """The records under way in one lane, and what it knows of the deaths of its earlier lives."""

    def __init__(self, path: Path) -> None:
        self._page = mapped(path, _PLACES * _PLACE.size)
        self._suspects: dict[_Key, tuple[int, int]] = {}  # their place and the deaths that they saw
        self._under_way: dict[_Key, int] = {}
        for place, key, deaths in self._left_behind():
            self._suspects[key] = place, deaths
            self._write(place, key, deaths, handled=False)
        taken = {place for place, _ in self._suspects.values()}
        self._free = [place for place in reversed(range(_PLACES)) if place not in taken]

    def _left_behind(self) -> Iterator[tuple[int, _Key, int]]:
        for place in range(_PLACES):
            number, topic, deaths, handled = _PLACE.unpack_from(self._page, place * _PLACE.size)
            if number:
                yield place, (topic, number), min(deaths + handled, 0xFFFF)

    def deaths(self, record: Record) -> int:
        """How many lives in a row ended while the record was being handled."""
        return self._suspects.get(_key(record), (0, 0))[1] if self._suspects else 0

    def starts_at(self, topic: str, offset: int) -> None:
        """What comes from this topic begins here: earlier records were finished elsewhere, and are forgotten."""
        name = crc32(topic.encode())
        for key in [key for key in self._suspects if key[0] == name and key[1] <= offset]:
            self._free_place(key, self._suspects.pop(key)[0])

    def begin(self, record: Record) -> None:
        """The record is going to be handled."""
        key = _key(record)
        place, deaths = self._suspects.get(key, (None, 0)) if self._suspects else (None, 0)
        if place is None:
            if not self._free or key in self._under_way:
                return
            place = self._free.pop()
        self._under_way[key] = place
        self._write(place, key, deaths, handled=True)

    def end(self, record: Record) -> None:
        """The record is handled, and above suspicion."""
        key = _key(record)
        place = self._under_way.pop(key, None)
        if self._suspects:
            found = self._suspects.pop(key, None)
            place = place if found is None else found[0]
        if place is not None:
            self._free_place(key, place)

    def interrupted(self, record: Record) -> None:
        """Handling ended, and that was nobody's death: what was known of the record before stays."""
        key = _key(record)
        place = self._under_way.pop(key, None)
        if place is None:
            return
        if key in self._suspects:
            self._write(place, key, self._suspects[key][1], handled=False)
        else:
            self._free_place(key, place)

    def _free_place(self, key: _Key, place: int) -> None:
        self._under_way.pop(key, None)
        self._page[place * _PLACE.size : (place + 1) * _PLACE.size] = bytes(_PLACE.size)
        self._free.append(place)

    def _write(self, place: int, key: _Key, deaths: int, *, handled: bool) -> None:
        _PLACE.pack_into(self._page, place * _PLACE.size, key[1], key[0], deaths, handled)

    def close(self) -> None:
        """Lets go of the file."""
        self._page.close()


class _Nothing(InFlight):
    """For lanes that note nothing."""

    def __init__(self) -> None:
        self._suspects = {}

    def begin(self, record: Record) -> None:
        """Notes nothing."""

    end = interrupted = begin

    def close(self) -> None:
        """Holds nothing."""


NOTHING_NOTED = _Nothing()


def _key(record: Record) -> _Key:
    return crc32(record.topic.encode()), record.offset + 1
