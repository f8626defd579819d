"""Codecs and mappings beside plain use of a library that does the same: microseconds of this thread a record, the
best of several rounds, and how many times that of the plain way it is.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import partial
from typing import Any
from xml.etree import ElementTree

import fastavro
import orjson

from connectors.codecs.records import format_of
from connectors.mappings import mapping_of
from streams.processors.call.mappings import evaluated

COUNT = 5_000
ROUNDS = 5
ROWS = [
    {
        "order": f"A-{number}",
        "customer": "Ada & Sons",
        "pieces": number % 100,
        "amount": f"{number}.50",
        "currency": "EUR",
    }
    for number in range(COUNT)
]
NAMES = list(ROWS[0])
SCHEMA = {
    "type": "record",
    "name": "Row",
    "fields": [{"name": name, "type": "long" if name == "pieces" else "string"} for name in NAMES],
}
WIDTHS = (10, 20, 6, 12, 3)
FORMATS: dict[str, Any] = {
    "csv": {"type": "csv", "columns": NAMES},
    "fixed": {"type": "fixed", "fields": [{"name": n, "length": w} for n, w in zip(NAMES, WIDTHS, strict=True)]},
    "ndjson": "ndjson",
    "json": "json",
    "xml": {"type": "xml", "record": "row"},
    "avro": {"type": "avro", "schema": SCHEMA},
}
FIELDS = {
    "number": ".order",
    "buyer.name": {"from": ".customer", "trim": True},
    "total": {"from": ".amount", "decimal": {"places": 2}},
    "currency": {"from": ".currency", "lookup": {"EUR": "EUR"}},
    "pieces": ".pieces",
}


def measure() -> dict[str, float]:
    """Every figure of this part."""
    found: dict[str, float] = {}
    for name, ours, plain in _pairs():
        mine, theirs = _best_us(ours), _best_us(plain)
        found[f"records.{name}_us"] = round(mine, 2)
        found[f"records.{name}_times_plain"] = round(mine / theirs, 2)
    return found


def _pairs() -> Iterator[tuple[str, Callable[[], object], Callable[[], object]]]:
    for name, spec in FORMATS.items():
        format_, sink = format_of(spec), io.BytesIO()
        format_.write(ROWS, sink)
        data = sink.getvalue()
        yield (
            f"{name}_read",
            partial(_read, format_.read, data),
            partial(_read, PLAIN[name], data),
        )
    mapping = mapping_of({"fields": FIELDS}, evaluated, str)
    yield "mapping", lambda: _drained(map(mapping.apply, ROWS)), lambda: _drained(map(_by_hand, ROWS))


def _by_hand(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "number": row["order"],
        "buyer": {"name": row["customer"].strip()},
        "total": str(Decimal(row["amount"]).quantize(Decimal("0.01"))),
        "currency": {"EUR": "EUR"}[row["currency"]],
        "pieces": row["pieces"],
    }


def _slices(source: io.BytesIO) -> Iterator[Any]:
    for line in source:
        text, at, row = line.decode(), 0, {}
        for name, width in zip(NAMES, WIDTHS, strict=True):
            row[name] = text[at : at + width].rstrip()
            at += width
        yield row


def _elements(source: io.BytesIO) -> Iterator[Any]:
    for _, element in ElementTree.iterparse(source):
        if element.tag == "row":
            yield {child.tag: child.text for child in element}
            element.clear()


PLAIN: dict[str, Callable[[io.BytesIO], Iterable[Any]]] = {
    "csv": lambda source: csv.DictReader(io.TextIOWrapper(source, "utf-8", newline=""), NAMES),
    "fixed": _slices,
    "ndjson": lambda source: map(orjson.loads, source),
    "json": lambda source: orjson.loads(source.read()),
    "xml": _elements,
    "avro": fastavro.reader,
}


def _read(read: Callable[[io.BytesIO], Iterable[object]], data: bytes) -> int:
    return _drained(read(io.BytesIO(data)))


def _drained(values: Iterable[object]) -> int:
    return sum(1 for _ in values)


def _best_us(action: Callable[[], object]) -> float:
    def once() -> float:
        started = time.thread_time()
        action()
        return (time.thread_time() - started) / COUNT * 1e6

    return min(once() for _ in range(ROUNDS))
