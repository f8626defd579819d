"""Single values as files and old systems write them: whole numbers, exact decimals, dates and flags, in texts.

A decimal stays a text in plain notation, so that none of its digits is lost in a floating point number.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal, InvalidOperation
from functools import lru_cache

from connectors.codecs.scalars import CodecError, text
from schemas.payload import Json

Convert = Callable[[str], Json]
MAX_DIGITS = 60
EXACT = Context(prec=4 * MAX_DIGITS)  # holds all that is read here; the usual one would round
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")
_LETTERS = {"yyyy": "%Y", "yy": "%y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S", "T": "T"}
_TOKENS = re.compile("yyyy|yy|MM|dd|HH|mm|ss|T|%|[A-Za-z]+")
_OF_TIME = re.compile("HH|mm|ss")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How a text stands for a value: `type` is text, integer, decimal, date or boolean."""

    type: str = "text"
    scale: int = 0  # decimal: digits at the end that stand behind a point that is not written
    mark: str = "."  # decimal: the point
    pattern: str = "yyyy-MM-dd"  # date
    flags: tuple[str, str] = ("true", "false")  # boolean

    def read(self, given: str) -> Json:
        """The value; an empty text is none, unless it is a text. Raises CodecError, which quotes nothing."""
        if self.type == "text":
            return given
        given = given.strip(" ")
        return _READ[self.type](self, given) if given else None

    def write(self, value: Json) -> str:
        """The text; raises CodecError."""
        return "" if value is None else _WRITE[self.type](self, value)


def whole(given: str) -> int:
    """A whole number of up to 18 digits; raises CodecError."""
    if not _WHOLE.fullmatch(given):
        raise CodecError("it is no whole number of up to 18 digits")
    return int(given)


def decimal(given: Json, mark: str = ".") -> Decimal:
    """An exact decimal, of a text or a number; raises CodecError."""
    shown = text(given).strip(" ")
    if mark != ".":
        shown = shown.replace("." if mark == "," else ",", "").replace(mark, ".")
    if len(shown) > MAX_DIGITS or not _DECIMAL.fullmatch(shown):
        exact = _scientific(shown) if isinstance(given, float) else None
        if exact is None:
            raise CodecError("it is no decimal number")
        return exact
    return Decimal(shown)


def plain(value: Decimal) -> str:
    """A decimal in plain notation; minus nought is nought."""
    return format(abs(value) if value == 0 else value, "f")


def moment(given: str, pattern: str) -> datetime:
    """A date, or a date with a time, in a pattern such as dd.MM.yyyy; raises CodecError."""
    try:
        found = datetime.strptime(given, format_of_pattern(pattern))
    except ValueError:
        raise CodecError(f"it is no date as {pattern}") from None
    if len(given) != len(pattern):  # 1.2.2026 would be taken for 01.02.2026
        raise CodecError(f"it is no date as {pattern}")
    return found


def iso(found: datetime, pattern: str) -> str:
    """As ISO 8601: a date, or a date with a time where the pattern has one."""
    return found.isoformat() if _OF_TIME.search(pattern) else found.date().isoformat()


def dated(found: datetime, pattern: str) -> str:
    """A date, or a date with a time, in a pattern."""
    return found.strftime(format_of_pattern(pattern).replace("%Y", f"{found.year:04d}"))


def of_iso(given: Json) -> datetime:
    """A date or a date with a time as ISO 8601; raises CodecError."""
    try:
        return datetime.fromisoformat(given if isinstance(given, str) else "")
    except ValueError:
        raise CodecError("it is no date as ISO 8601") from None


@lru_cache(maxsize=256)
def format_of_pattern(pattern: str) -> str:
    """A pattern as the standard library has it; raises CodecError for letters that mean nothing."""

    def meant(found: re.Match[str]) -> str:
        part = found[0]
        if part == "%" or part not in _LETTERS:
            raise CodecError(f"{part!r} in a pattern means nothing; use yyyy, yy, MM, dd, HH, mm and ss")
        return _LETTERS[part]

    return _TOKENS.sub(meant, pattern)


def _scientific(shown: str) -> Decimal | None:
    try:
        exact = Decimal(shown)
    except InvalidOperation:
        return None
    return exact if exact.is_finite() and abs(exact.adjusted()) < MAX_DIGITS else None


def _read_decimal(kind: Kind, given: str) -> Json:
    found = decimal(given, kind.mark)
    if kind.scale:
        if found != found.to_integral_value() or kind.mark in given:
            raise CodecError("its point is not to be written")
        found = found.scaleb(-kind.scale, EXACT)
    return plain(found)


def _write_decimal(kind: Kind, value: Json) -> str:
    found = decimal(value)
    if not kind.scale:
        return plain(found).replace(".", kind.mark)
    scaled = found.scaleb(kind.scale, EXACT)
    if scaled != scaled.to_integral_value():
        raise CodecError(f"it has more than {kind.scale} digits behind the point")
    return plain(scaled.to_integral_value())


def _read_flag(kind: Kind, given: str) -> Json:
    if given not in kind.flags:
        raise CodecError("it is neither of the two flags")
    return given == kind.flags[0]


def _write_flag(kind: Kind, value: Json) -> str:
    if not isinstance(value, bool):
        raise CodecError("true or false is expected")
    return kind.flags[0] if value else kind.flags[1]


def _write_date(kind: Kind, value: Json) -> str:
    return dated(of_iso(value), kind.pattern)


_READ: dict[str, Callable[[Kind, str], Json]] = {
    "integer": lambda kind, given: whole(given),
    "decimal": _read_decimal,
    "date": lambda kind, given: iso(moment(given, kind.pattern), kind.pattern),
    "boolean": _read_flag,
}
_WRITE: dict[str, Callable[[Kind, Json], str]] = {
    "text": lambda kind, value: text(value),
    "integer": lambda kind, value: str(whole(text(value))),
    "decimal": _write_decimal,
    "date": _write_date,
    "boolean": _write_flag,
}
TYPES = ("text", *_READ)
