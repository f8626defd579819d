"""Any bytes are a file that somebody may drop, any JSON describes one: faults are told, and nothing else is raised."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orjson import dumps

from connectors.codecs.records import START, TYPES, FormatError, format_of
from connectors.codecs.scalars import CodecError
from connectors.mappings import MappingError, MappingFault, mapping_of
from schemas.payload import Json
from streams.processors.call.mappings import evaluated
from tests.support.record_formats import CASES, JSON

pytestmark = pytest.mark.fuzz

pieces = st.sampled_from(
    [b'"', b";", b",", b"\r\n", b"\n", b"{", b"}", b"[", b"]", b"<a>", b"</a>", b"&x;", b"1", b"\xff", b"\0"]
)
data = st.binary(max_size=60) | st.lists(pieces, max_size=40).map(b"".join)
members = st.dictionaries(
    st.sampled_from(
        ["type", "columns", "fields", "name", "length", "header", "record", "root", "schema", "charset", "lines"]
    ),
    JSON,
    max_size=5,
)


@given(st.sampled_from(list(CASES)), data)
def test_file_of_any_bytes_is_read_to_its_end(name: str, data: bytes) -> None:
    spec, _ = CASES[name]
    at = START
    for record in format_of(spec).read(io.BytesIO(data)):
        assert record.next.number > at.number or record.fatal
        assert record.next.offset <= len(data)
        if not record.fault:
            dumps(record.value)
        at = record.next


@given(st.sampled_from(list(CASES)), st.lists(JSON, max_size=3))
def test_any_values_are_written_or_refused(name: str, values: list[Json]) -> None:
    spec, _ = CASES[name]
    try:
        format_of(spec).write(values, io.BytesIO())
    except CodecError as error:
        assert str(error).startswith("record ")


@given(st.sampled_from(TYPES), members)
def test_any_description_is_a_format_or_refused(kind: str, spec: dict[str, Json]) -> None:
    try:
        list(format_of({**spec, "type": kind}).read(io.BytesIO(b"1;2\n")))
    except FormatError as error:
        assert error.place


rules = st.dictionaries(
    st.sampled_from(
        ["from", "value", "jq", "type", "date", "decimal", "lookup", "first", "each", "fields", "when", "default"]
    ),
    JSON | st.sampled_from([".a", ".a.b", "$.x", "dd.MM.yyyy", "integer", {"mark": ","}, {"y": ".a"}]),
    max_size=4,
)


@given(st.dictionaries(st.sampled_from(["x", "y.z", "@a", "x.y", ""]), rules | JSON | st.just(".a"), max_size=3), JSON)
def test_any_mapping_maps_or_is_refused(fields: dict[str, Json], value: Json) -> None:
    def nothing(name: str) -> Json:
        raise ValueError("not there")

    try:
        mapping = mapping_of({"fields": fields}, evaluated, nothing)
    except MappingFault as fault:
        assert str(fault)
        return
    try:
        dumps(mapping.apply(value))
    except MappingError as error:
        assert str(error)
