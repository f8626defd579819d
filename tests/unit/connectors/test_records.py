"""Records of every format: what is written is read again, from anywhere, and what is broken is told with its place."""

from __future__ import annotations

import io
from typing import Any

import fastavro
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.codecs.records import START, FormatError, Record, format_of
from connectors.codecs.scalars import CodecError
from schemas.avroweight import holds_itself
from tests.support.record_formats import CASES, COLUMNS, PLACES, SCHEMA


def written(spec: Any, values: list[Any]) -> bytes:
    sink = io.BytesIO()
    assert format_of(spec).write(values, sink) == len(values)
    return sink.getvalue()


def read(spec: Any, data: bytes, start: Any = START) -> list[Record]:
    return list(format_of(spec).read(io.BytesIO(data), start))


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=30)
@given(data=st.data())
def test_what_is_written_is_read_again_from_any_record_on(name: str, data: st.DataObject) -> None:
    spec, values = CASES[name]
    given_ = data.draw(st.lists(values, max_size=4))
    try:
        file = written(spec, given_)
    except CodecError as error:  # a whole number of more than 64 bits, or a mark of bytes at the very beginning
        assert str(error).startswith("record ")
        return
    found = read(spec, file)
    assert [each.fault for each in found] == [""] * len(given_)
    assert [each.value for each in found] == given_
    assert [each.at.number for each in found] == list(range(len(given_)))
    for number, each in enumerate(found):
        assert read(spec, file, each.next) == found[number + 1 :]


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=30)
@given(data=st.data())
def test_whatever_is_broken_is_told_and_ends(name: str, data: st.DataObject) -> None:
    """Bytes changed anywhere: records or faults with a place, and each reading comes to its end."""
    spec, values = CASES[name]
    try:
        file = written(spec, data.draw(st.lists(values, min_size=1, max_size=3)))
    except CodecError:
        return
    at = data.draw(st.integers(0, len(file)))
    changed = file[:at] + data.draw(st.binary(max_size=4)) + file[at + data.draw(st.integers(0, 4)) :]
    found = read(spec, changed)
    assert all(each.value is None and any(map(str.isdigit, each.fault)) for each in found if each.fault)
    assert not any(each.fatal for each in found[:-1])


BROKEN = [
    ("ndjson", b'{"a":1}\n{"a":\n{"a":3}\n', "line 2: not well-formed: unexpected end of data (line 1, column 6)"),
    ("ndjson", b'{"a":1}\n12345678901234567890123\n{}\n', "line 2: a whole number has more than 64 bits"),
    ("ndjson", b'1\n{"a":"\xff"}\n2\n', "line 2: not well-formed: "),
    ("json", b"[1, {]", "byte 6: the array does not end"),
    ("json", b"[1, nope, 3]", "record 2, byte 3: not well-formed: "),
    ("json", b"[1,]", "record 2, byte 3: not well-formed: "),
    ("json", b"[1] 2", "byte 5: the file goes on behind the array"),
    ("json", b'{"a":1}', "byte 0: an array is expected, and it does not begin with ["),
    ({"type": "csv", "header": True}, b"a,b\n1,2\n3\n4,5\n", "line 3: 1 fields, and 2 are expected"),
    ({"type": "csv", "header": True}, b'a,b\n1,2\n"3,4\n5,6\n', "line 3: a quote is not closed"),
    ({"type": "csv", "header": True}, b"a,b\n1,2\n\xff,4\n5,6\n", "line 3: byte 1 of the line is not utf-8"),
    ({"type": "csv", "header": True}, b"a,a\n1,2\n", "line 1, the names of the columns: header: 'a' stands twice"),
    ({"type": "csv", "columns": COLUMNS}, b"a,b,1.5,2\n", "line 1: field n: it is no whole number of up to 18 digits"),
    ({"type": "csv", "columns": COLUMNS}, b"a,b,1,1e5\n", "line 1: field d: it is no decimal number"),
    ({"type": "fixed", "fields": PLACES}, b"short\n", "line 1: 5 characters, and 23 are expected"),
    ({"type": "fixed", "fields": PLACES, "lines": False, "charset": "cp037"}, b"12", "record 1, byte 0: the file ends"),
    ({"type": "xml", "record": "a"}, b"<r><a>1</a><a>2</b></r>", "line 1, column "),
    ({"type": "xml", "record": "a"}, b"<!DOCTYPE r [<!ENTITY e 'x'>]><r><a>&e;</a></r>", "line 1: document types are"),
    ({"type": "xml", "record": "a"}, b"<r><a>x<b/></a></r>", "line 1: text between child elements"),
    ({"type": "xml", "record": "a"}, b"<r><a><b xmlns='urn:x'/></a></r>", "line 1: an element is of a namespace"),
    ("avro", b"Obj\x02", "record 1: this is no Avro container file"),
]


@pytest.mark.parametrize(("spec", "data", "fault"), BROKEN)
def test_a_fault_names_its_place(spec: Any, data: bytes, fault: str) -> None:
    faults = [each.fault for each in read(spec, data) if each.fault]
    assert len(faults) == 1
    assert faults[0].startswith(fault)


def test_one_broken_line_costs_no_other() -> None:
    found = read({"type": "csv", "header": True}, b'a,b\n1,2\n"3,4\n5,6\n"7\n7",8\n')
    assert [each.value for each in found] == [{"a": "1", "b": "2"}, None, {"a": "5", "b": "6"}, {"a": "7\n7", "b": "8"}]
    assert found[1].raw == b'"3,4'


@pytest.mark.parametrize("spec", ["ndjson", {"type": "csv", "columns": ["a"]}, {"type": "fixed", "fields": PLACES}])
def test_a_line_without_end_is_not_kept(spec: Any) -> None:
    found = read(spec, b"x" * 3_000_000 + b"\n")
    assert [each.next.offset for each in found] == [3_000_001]
    assert found[0].fault
    assert len(found[0].raw) < 3_000


def test_a_namespace_counts_and_not_its_prefix() -> None:
    spec = {"type": "xml", "record": "o:order", "namespaces": {"o": "urn:o", "": "urn:d"}, "lists": ["line"]}
    data = b"<x:orders xmlns:x='urn:o' xmlns='urn:d'><x:order x:id='1'><line>a</line></x:order></x:orders>"
    assert [each.value for each in read(spec, data)] == [{"@o:id": "1", "line": ["a"]}]


NOTHING = {"type": "record", "name": "Nothing", "fields": [{"name": "x", "type": "null"}]}
LINKED = {"type": "record", "name": "Node", "fields": [{"name": "n", "type": "null"}]}
LINKED["fields"] += [{"name": "next", "type": ["null", "Node"]}]  # type: ignore[operator]


@pytest.mark.parametrize(
    ("type_", "value", "refused"),
    [
        ({"type": "array", "items": "null"}, [None] * 100_000, True),
        ({"type": "array", "items": NOTHING}, [{"x": None}], True),
        ({"type": "array", "items": {"type": "fixed", "name": "Empty", "size": 0}}, [b""], True),
        ({"type": "map", "values": {"type": "array", "items": "null"}}, {"a": [None]}, True),
        (["null", {"type": "array", "items": ["null", NOTHING]}], [None], True),
        (LINKED, {"n": None, "next": None}, True),
        ("null", None, False),
        (NOTHING, {"x": None}, False),
        ({"type": "array", "items": ["null", "long"]}, [None, 1], False),
        ({"type": "map", "values": "string"}, {"a": "b"}, False),
        ({"type": "array", "items": {"type": "enum", "name": "Sign", "symbols": ["A"]}}, ["A"], False),
    ],
)
def test_an_avro_schema_that_repeats_what_takes_no_bytes_is_refused(type_: Any, value: Any, refused: bool) -> None:
    sink, schema = io.BytesIO(), {"type": "record", "name": "Top", "fields": [{"name": "v", "type": type_}]}
    fastavro.writer(sink, schema, [{"v": value}])
    (found,) = read("avro", sink.getvalue())
    assert (found.fatal, "takes no bytes" in found.fault) == (refused, refused)


def test_avro_that_holds_itself_is_refused_since_it_could_end_the_process() -> None:
    nested = {"type": "record", "name": "N", "fields": [{"name": "next", "type": ["null", "N"]}]}
    apart = {
        "type": "record",
        "name": "A",
        "fields": [{"name": n, "type": {**nested, "fields": []} if n == "a" else "N"} for n in "ab"],
    }
    many: Any = {"type": "record", "name": "R0", "fields": []}  # each is in the next one twice: no circle, however long
    for number in range(1, 40):
        twice = [{"name": "a", "type": many}, {"name": "b", "type": f"R{number - 1}"}]
        many = {"type": "record", "name": f"R{number}", "fields": twice}
    assert not holds_itself(fastavro.parse_schema(many))
    for schema, value, refused in ((nested, {"next": None}, True), (apart, {"a": {}, "b": {}}, False)):
        sink = io.BytesIO()
        fastavro.writer(sink, fastavro.parse_schema(schema), [value])
        (found,) = read("avro", sink.getvalue())
        assert (found.fatal, "holds itself" in found.fault) == (refused, refused)


def test_a_block_of_avro_that_unfolds_without_end_is_refused() -> None:
    sink = io.BytesIO()
    fastavro.writer(sink, SCHEMA, [{"id": "x" * 20_000_000, "amount": 1}], codec="deflate")
    (found,) = read("avro", sink.getvalue())
    assert found.fault == "record 1: a block unfolds to more than 16777216 bytes"


def test_a_head_of_very_many_columns_is_refused_at_once() -> None:
    """Each name is looked for among all others."""
    names = ",".join(f"c{number}" for number in range(100_000))
    (found,) = read({"type": "csv", "header": True}, f"{names}\n1\n".encode())
    assert found.fatal and "more than 16,384 names" in found.fault


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("yaml", "format.type: no such format"),
        ({"type": "csv"}, None),
        ({"type": "csv", "charset": "utf-16", "header": True}, "charset: its lines cannot be told by their bytes"),
        ({"type": "csv", "delimiter": '"', "header": True}, "delimiter, quote and escape have to differ"),
        ({"type": "csv", "columns": [{"name": "a", "type": "money"}]}, "format.columns.0.type: no such type"),
        ({"type": "fixed", "fields": [{"name": "a"}]}, "format.fields.0: no length"),
        ({"type": "fixed", "fields": [{"name": "a", "length": 5}, {"name": "b", "start": 3, "length": 5}]}, "overlap"),
        ({"type": "xml", "record": "o:a"}, "declare its prefix in namespaces"),
        ({"type": "avro", "schema": {"type": "nope"}}, "format.schema: no schema of Avro"),
        ({"type": "ndjson", "charset": "x"}, "'charset' is no member here"),
    ],
)
def test_a_format_is_checked_before_anything_is_read(spec: Any, told: str | None) -> None:
    if told is None:
        format_of(spec)
        return
    with pytest.raises(FormatError) as refused:
        format_of(spec)
    assert told in str(refused.value)


@example(pattern="dd.MM.yyyy", text="31.12.2026", value="2026-12-31")
@example(pattern="yyyyMMddHHmmss", text="20261231235958", value="2026-12-31T23:59:58")
@given(pattern=st.just("yyyy-MM-dd"), text=st.dates().map(str), value=st.none())
def test_dates_are_exact(pattern: str, text: str, value: str | None) -> None:
    spec = {"type": "csv", "columns": ["a", {"name": "d", "type": "date", "pattern": pattern}]}
    (found,) = read(spec, f"x,{text}\r\n".encode())
    assert found.value == {"a": "x", "d": value or text}
    assert written(spec, [found.value]) == f"x,{text}\r\n".encode()
    german = {"type": "csv", "columns": ["a", {"name": "d", "type": "date", "pattern": "dd.MM.yyyy"}]}
    (wrong,) = read(german, b"x,1.2.2026\r\n")
    assert wrong.fault == "line 1: field d: it is no date as dd.MM.yyyy"
