"""Decimals of Avro, as they are read: exact, and never of more digits than a moment is enough for.

The library makes a whole number of whatever bytes there are, which takes the square of their length, and rounds it in
silence by a context that all threads share. So its readers are replaced by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Context, Decimal
from typing import Any, Final

MOST_DIGITS: Final = 1_000
"""Of a decimal by its schema."""
MOST_BYTES: Final = 1_024
"""Of one decimal: enough for twice as many digits, since writers may fill up."""

_EXACT = Context(prec=3 * MOST_BYTES)


def read_decimal(data: bytes, writer_schema: Any = None, reader_schema: Any = None) -> Decimal:
    """The value of bytes; in the form that the library has for its readers. Raises ValueError."""
    if len(data) > MOST_BYTES:
        raise ValueError(f"a decimal of more than {MOST_BYTES} bytes")
    whole = int.from_bytes(data, byteorder="big", signed=True)
    return Decimal(whole).scaleb(-(writer_schema or {}).get("scale", 0), _EXACT)


READERS: Final[Mapping[str, Callable[..., Decimal]]] = {"bytes-decimal": read_decimal, "fixed-decimal": read_decimal}
"""By the types that the library reads by them."""
