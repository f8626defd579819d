"""Records in files, read and written one by one: CSV, fixed width, NDJSON, JSON, XML and Avro behind one interface."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from connectors.codecs.records.avrorecords import avro_records
from connectors.codecs.records.contract import START, Format, FormatError, Position, Record
from connectors.codecs.records.delimited import delimited
from connectors.codecs.records.fixed import fixed
from connectors.codecs.records.jsonrecords import json_array, json_lines
from connectors.codecs.records.xmlrecords import xml_records

__all__ = ["START", "TYPES", "Format", "FormatError", "Position", "Record", "format_of"]

_TYPES: Mapping[str, Callable[[Mapping[str, Any], str], Format]] = {
    "csv": delimited,
    "fixed": fixed,
    "ndjson": json_lines,
    "json": json_array,
    "xml": xml_records,
    "avro": avro_records,
}
TYPES = tuple(_TYPES)


def format_of(spec: Any, place: str = "format") -> Format:
    """The format that a description means: its `type`, and the members of that type. Raises FormatError."""
    spec = {"type": spec} if isinstance(spec, str) else spec
    type_ = spec.get("type") if isinstance(spec, Mapping) else None
    if not isinstance(type_, str) or type_ not in _TYPES:
        raise FormatError(f"{place}.type", "no such format", f"write {', '.join(TYPES)}")
    return _TYPES[type_](spec, place)
