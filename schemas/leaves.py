"""How single values of JSON and Avro stand for each other: the table behind `jsondata`.

Dates and times are RFC 3339 text, decimals are text (a JSON number would lose digits), bytes are base64. Everything
else is itself. Reading is strict: a number in quotes is no number, and a whole number must be written as one.
"""

import base64
import binascii
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

_DECIMAL = re.compile(r"-?\d+(?:\.(\d+))?")
_SYMBOLS_SHOWN = 50
_CANONICAL_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_CANONICAL_TIME = re.compile(r"\d\d:\d\d:\d\d(?:\.(\d{1,6}))?")
_CANONICAL_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.(\d{1,6}))?(?:[Zz]|[+-]\d\d:\d\d)")


@dataclass(frozen=True, slots=True)
class Leaf:
    """What a JSON value must be for one Avro type, in words and in code; `read` raises ValueError where it is not."""

    expected: str
    read: Callable[[Any], Any]


def leaf(schema: Any) -> Leaf | None:
    """The leaf for a primitive or logical type; None for a type that has parts, or one that has no JSON form here."""
    if isinstance(schema, str):
        return _PRIMITIVES.get(schema)
    logical = schema.get("logicalType")
    if logical == "decimal":
        return _decimal(schema["precision"], schema.get("scale", 0))
    if logical is not None:
        return _LOGICAL.get((schema["type"], logical))
    if schema["type"] == "fixed":
        return _fixed(schema["size"])
    if schema["type"] == "enum":
        return _enum(schema["symbols"])
    return _PRIMITIVES.get(schema["type"])


def show(value: Any) -> Any:
    """A value as fastavro reads it, as JSON: the way back of every `read` here, for parts and wholes."""
    match value:
        case str() | int() | float() | None:  # first, as nearly every value is one of these
            return value
        case dict():
            return {key: show(item) for key, item in value.items()}
        case list():
            return [show(item) for item in value]
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            return _show_moment(value)
        case time():
            return value.isoformat(timespec=_digits(value))
        case date():
            return value.isoformat()
        case Decimal():
            return format(value, "f")
        case _:
            return str(value)


def _only(kind: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise ValueError
        return value

    return read


def _integer(bits: int) -> Leaf:
    limit = 2 ** (bits - 1)

    def read(value: Any) -> int:
        if type(value) is not int or not -limit <= value < limit:
            raise ValueError
        return value

    return Leaf(f"a whole number of {bits} bits", read)


def _floating(value: Any) -> float:
    if type(value) is not float and type(value) is not int:
        raise ValueError
    number = float(value)
    if not math.isfinite(number) or number != value:
        raise ValueError
    return number


def _bytes(value: Any) -> bytes:
    try:
        return base64.b64decode(_text(value), validate=True)
    except binascii.Error:
        raise ValueError from None


def _text(value: Any) -> str:
    if type(value) is not str:
        raise ValueError
    return value


def _matching(pattern: re.Pattern[str], value: Any, digits: int = 6) -> str:
    match = pattern.fullmatch(_text(value))
    if match is None or (match.groups() and len(match[1] or "") > digits):
        raise ValueError
    return match[0]


def _moment(digits: int) -> Callable[[Any], datetime]:
    return lambda value: datetime.fromisoformat(_matching(_CANONICAL_MOMENT, value, digits).upper()).astimezone(UTC)


def _time_of_day(digits: int) -> Callable[[Any], time]:
    return lambda value: time.fromisoformat(_matching(_CANONICAL_TIME, value, digits))


def _day(value: Any) -> date:
    return date.fromisoformat(_matching(_CANONICAL_DATE, value))


def _decimal(precision: int, scale: int) -> Leaf:
    def read(value: Any) -> Decimal:
        _matching(_DECIMAL, value, scale)
        number = Decimal(value)
        if abs(number) >= Decimal(10) ** (precision - scale):
            raise ValueError
        return number

    return Leaf(
        f'a decimal number as text, such as "12.50", with at most {scale} of {precision} digits behind the point', read
    )


def _fixed(size: int) -> Leaf:
    def read(value: Any) -> bytes:
        data = _bytes(value)
        if len(data) != size:
            raise ValueError
        return data

    return Leaf(f"{size} bytes as base64 text", read)


def _enum(symbols: list[str]) -> Leaf:
    known = frozenset(symbols)

    def read(value: Any) -> str:
        if _text(value) not in known:
            raise ValueError
        return str(value)

    more = f" and {len(symbols) - _SYMBOLS_SHOWN:,} others" if len(symbols) > _SYMBOLS_SHOWN else ""
    return Leaf(f"one of {', '.join(symbols[:_SYMBOLS_SHOWN])}{more}", read)


def _show_moment(value: datetime) -> str:
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=_digits(value)) + "Z"


def _digits(value: datetime | time) -> str:
    return "microseconds" if value.microsecond % 1_000 else "milliseconds"


_PRIMITIVES: Final[dict[str, Leaf]] = {
    "null": Leaf("null", _only(type(None))),
    "boolean": Leaf("true or false", _only(bool)),
    "int": _integer(32),
    "long": _integer(64),
    "float": Leaf("a number", _floating),
    "double": Leaf("a number", _floating),
    "bytes": Leaf("bytes as base64 text", _bytes),
    "string": Leaf("a string", _text),
}
_LOGICAL: Final[dict[tuple[str, str], Leaf]] = {
    ("int", "date"): Leaf("a date, such as 2026-01-31", _day),
    ("int", "time-millis"): Leaf("a time of day, such as 08:30:00.000", _time_of_day(3)),
    ("long", "time-micros"): Leaf("a time of day, such as 08:30:00.000000", _time_of_day(6)),
    ("long", "timestamp-millis"): Leaf("a time of RFC 3339, such as 2026-01-31T08:30:00.000Z", _moment(3)),
    ("long", "timestamp-micros"): Leaf("a time of RFC 3339, such as 2026-01-31T08:30:00.000000Z", _moment(6)),
    ("string", "uuid"): Leaf("a UUID", lambda value: UUID(_text(value))),
}
