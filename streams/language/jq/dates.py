"""Times: read and written the same on every machine, whatever its language and time zone.

`strptime` follows that of C: a directive takes as many digits as it can, a space any blanks or none. It reads each
character once. `fromdate` also reads fractions of a second and offsets, as the product's own times have them.
"""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from streams.language.jq.functions import own
from streams.language.jq.library import JqError, ops
from streams.language.jq.meter import METER
from streams.language.jq.numbers import finite

_MAX_TEXT = 256
_PARTS = 8  # of a broken-down time
_STRFTIME = re.compile(r"(?:[^%]|%[A-Za-z%])*")  # no widths: "%1000000Y" would make a text of a million characters
_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9})\d*)?(?:[Zz]|([+-])(\d\d):?(\d\d))", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COMPOUND = {"T": "%H:%M:%S", "R": "%H:%M", "D": "%m/%d/%y", "F": "%Y-%m-%d", "r": "%I:%M:%S %p",
             "c": "%a %b %e %H:%M:%S %Y"}  # fmt: skip
_DIGITS = {"Y": 4, "m": 2, "d": 2, "e": 2, "H": 2, "k": 2, "I": 2, "l": 2, "M": 2, "S": 2, "j": 3, "y": 2, "u": 1,
           "w": 1, "s": 12}  # fmt: skip
_MONTHS = [name.lower() for name in calendar.month_name]  # from 1
_DAYS = [name.lower() for name in calendar.day_name]
_ZONE = re.compile(r"[Zz]|UTC|GMT|([+-])(\d\d):?(\d\d)", re.ASCII)


class _NoMatchError(Exception):
    """The text does not follow the format."""


class _Reading:
    """A text that is read from left to right, and what was found in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[str, int] = {}

    def follow(self, form: str) -> None:
        """Reads what the format asks for."""
        letters = iter(form)
        for letter in letters:
            if letter == "%":
                self._directive(next(letters, ""))
            elif letter.isspace():
                self._skip_blanks()
            else:
                self._literal(letter)

    def _directive(self, name: str) -> None:
        if name in _COMPOUND:
            self.follow(_COMPOUND[name])
        elif name in _DIGITS:
            self.found[name] = self._number(_DIGITS[name])
        elif name and name in "Bbh":
            self.found["m"] = self._name(_MONTHS)
        elif name and name in "Aa":
            self._name(_DAYS)
        elif name == "p":
            self.found["p"] = self._name(["am", "pm"])
        elif name and name in "zZ":
            self._zone()
        elif name and name in "nt":
            self._skip_blanks()
        elif name == "%":
            self._literal("%")
        else:
            raise _NoMatchError

    def _literal(self, letter: str) -> None:
        if self.text[self.at : self.at + 1] != letter:
            raise _NoMatchError
        self.at += 1

    def _skip_blanks(self) -> None:
        while self.text[self.at : self.at + 1].isspace():
            self.at += 1

    def _number(self, width: int) -> int:
        self._skip_blanks()
        end = self.at
        while end < self.at + width and self.text[end : end + 1] in tuple("0123456789"):
            end += 1
        if end == self.at:
            raise _NoMatchError
        number = int(self.text[self.at : end])
        self.at = end
        return number

    def _name(self, names: list[str]) -> int:
        rest = self.text[self.at : self.at + 12].lower()
        for index, name in enumerate(names):
            found = name if rest.startswith(name) else name[:3]  # written out, or short
            if found and rest.startswith(found):
                self.at += len(found)
                return index
        raise _NoMatchError

    def _zone(self) -> None:
        zone = _ZONE.match(self.text, self.at)
        if zone is None:
            raise _NoMatchError
        self.at = zone.end()


def _broken_down(found: dict[str, int]) -> list[Any]:
    """The parts of a time as jq has them: year, month from 0, day, hour, minute, second, day of week and of year."""
    if "s" in found:
        return _parts(found["s"])
    year = found.get("Y", 1900 + found["y"] + (100 if found["y"] < 69 else 0) if "y" in found else 1900)
    month = found.get("m", 0 if "m" in found else 1)
    hour = found.get("H", found.get("k", 0))
    if "I" in found or "l" in found:
        hour = found.get("I", found.get("l", 0)) % 12 + 12 * found.get("p", 0)
    day = found.get("d", found.get("e", 1))
    try:
        date = datetime(year, month, day, hour, found.get("M", 0), tzinfo=UTC)
    except ValueError:
        raise _NoMatchError from None
    if "j" in found and "m" not in found:
        date += timedelta(days=found["j"] - 1)
    seconds = found.get("S", 0)
    if seconds > 60:
        raise _NoMatchError
    return [*date.timetuple()[:1], date.month - 1, date.day, date.hour, date.minute, seconds,
            date.isoweekday() % 7, date.timetuple().tm_yday - 1]  # fmt: skip


def _parts(seconds: int | float) -> list[Any]:
    try:
        date = _EPOCH + timedelta(seconds=int(seconds // 1))
    except OverflowError:
        raise JqError("the time is too far away") from None
    fraction = seconds % 1
    return [date.year, date.month - 1, date.day, date.hour, date.minute,
            finite(date.second + fraction), date.isoweekday() % 7, date.timetuple().tm_yday - 1]  # fmt: skip


def parsed(text: Any, form: Any) -> list[Any]:
    """The broken-down time that a text gives in a format; raises `JqError`."""
    if not isinstance(text, str) or not isinstance(form, str):
        raise JqError("strptime/1 requires string inputs and arguments")
    if len(text) > _MAX_TEXT or len(form) > _MAX_TEXT:
        raise JqError(f"a date and its format have at most {_MAX_TEXT} characters")
    reading = _Reading(text)
    try:
        reading.follow(form)
        if reading.at != len(text):
            raise _NoMatchError
        return _broken_down(reading.found)
    except _NoMatchError:
        raise JqError("the date does not match the format") from None


def seconds_of(text: Any) -> int | float:
    """Seconds since 1970 of an ISO 8601 time with `Z` or an offset, and perhaps a fraction; raises `JqError`."""
    if not isinstance(text, str):
        raise JqError(f"{ops.type_name(text)} is no date; write 2026-11-25T09:00:00Z")
    found = _ISO.fullmatch(text) if len(text) <= _MAX_TEXT else None
    try:
        if found is None:
            raise ValueError
        year, month, day, hour, minute, second = map(int, found.groups()[:6])
        date = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        raise JqError("the text is no date; write 2026-11-25T09:00:00Z, with a fraction or an offset") from None
    whole = calendar.timegm(date.timetuple()) + max(0, second - 59)
    if found[8]:
        offset = int(found[9]) * 3600 + int(found[10]) * 60
        whole -= offset if found[8] == "+" else -offset
    return finite(whole + float(f"0.{found[7]}")) if found[7] else whole


def _struct(data: Any, who: str) -> list[int]:
    if isinstance(data, int | float) and not isinstance(data, bool):
        data = _parts(data)
    if not isinstance(data, list) or len(data) > _PARTS or any(type(part) not in (int, float) for part in data):
        raise JqError(f"{who} requires parsed datetime inputs")
    return [int(part) for part in (*data, *[0] * _PARTS)][:_PARTS]


@own("strptime", 1)
def _strptime(data: Any, env: Any, form: Any) -> Iterator[Any]:
    for text in form.vals(data):
        METER.spend(32)
        yield parsed(data, text)


@own("fromdate", 0)
@own("fromdateiso8601", 0)
def _fromdate(data: Any, env: Any) -> Iterator[Any]:
    METER.spend(8)
    yield seconds_of(data)


@own("gmtime", 0)
def _gmtime(data: Any, env: Any) -> Iterator[Any]:
    if type(data) not in (int, float):
        raise JqError(f"{ops.type_name(data)} number required")
    METER.spend(4)
    yield _parts(data)


@own("mktime", 0)
def _mktime(data: Any, env: Any) -> Iterator[Any]:
    METER.spend(4)
    if not isinstance(data, list):
        raise JqError("mktime requires array inputs")
    year, month, day, hour, minute, second, *_ = _struct(data, "mktime")
    yield calendar.timegm((year, month + 1, day, hour, minute, second, 0, 0, 0))


@own("strftime", 1)
def _strftime(data: Any, env: Any, form: Any) -> Iterator[Any]:
    for text in form.vals(data):
        METER.spend(4)
        if not isinstance(text, str):
            raise JqError("strftime/1 requires a string format")
        if len(text) > _MAX_TEXT or not _STRFTIME.fullmatch(text):
            raise JqError("strftime takes a short text of plain % directives")
        year, month, day, hour, minute, second, weekday, yearday = _struct(data, "strftime/1")
        moment = (year, month + 1, max(day, 1), hour, minute, second, (weekday - 1) % 7, yearday + 1, 0)
        text = text.replace("%%", "%\x00").replace("%s", str(calendar.timegm(moment))).replace("%Z", "UTC")
        yield time.strftime(text.replace("%\x00", "%%"), moment)
