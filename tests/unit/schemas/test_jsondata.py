"""JSON data against an Avro schema: what fits goes there and back, what does not is named with its path."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.catalogue import Schema, current, parse
from schemas.cloudevents import MOST_FAULTS, InvalidEventError
from schemas.codec import Codec
from schemas.jsondata import to_avro, to_json
from schemas.messages import APPLICATION_SUBMITTED, PARTS
from schemas.payload import unwrapped, wrapped
from schemas.released import SchemaIds
from schemas.samples import sample
from tests.unit.schemas.strategies import json_values

NAMES = [name for name in current() if name not in PARTS]
CODEC = Codec.offline()
SECRET = "Mustermann"


def schema_of(*fields: tuple[str, Any]) -> Schema:
    declared = [{"name": name, "type": type_} for name, type_ in fields]
    return parse(json.dumps({"type": "record", "name": "test.Sample", "fields": declared}))


def there_and_back(schema: Schema, data: Any) -> Any:
    codec = Codec(SchemaIds({1: schema}, {"test.Sample": 1}))
    return to_json(codec.decode(codec.encode("test.Sample", to_avro(schema, data)))[1])


def faults_of(schema: Schema, data: Any) -> dict[str, str]:
    with pytest.raises(InvalidEventError) as caught:
        to_avro(schema, data)
    assert SECRET not in str(caught.value)
    return {fault.place: fault.message for fault in caught.value.faults}


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_json_survives_the_way_through_avro(name: str, data: st.DataObject) -> None:
    document = data.draw(json_values(current()[name]))
    record = to_avro(current()[name], document)
    message = wrapped(current()[name], record)
    assert to_json(unwrapped(CODEC.decode(CODEC.encode(name, message))[1])) == document


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ({"type": "int", "logicalType": "date"}, "1999-12-31"),
        ({"type": "int", "logicalType": "time-millis"}, "08:30:00.125"),
        ({"type": "long", "logicalType": "timestamp-millis"}, "2026-01-31T08:30:00.125Z"),
        ({"type": "long", "logicalType": "timestamp-micros"}, "2026-01-31T08:30:00.000001Z"),
        ({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}, "-1234567.89"),
        ({"type": "fixed", "name": "F", "size": 4, "logicalType": "decimal", "precision": 9, "scale": 2}, "12.50"),
        ({"type": "string", "logicalType": "uuid"}, "0f8fad5b-d9cb-469f-a165-70867728950e"),
        ({"type": "fixed", "name": "G", "size": 3}, "AAEC"),
        ({"type": "enum", "name": "E", "symbols": ["RED", "BLUE"]}, "BLUE"),
        ({"type": "map", "values": {"type": "array", "items": "boolean"}}, {"a": [True, False]}),
        (["null", "string", "long"], 5),
        (["null", "string", "long"], None),
        ("float", 0.5),
        ("double", 3),
    ],
)
def test_value_of_every_type_comes_back(type_: Any, value: Any) -> None:
    assert there_and_back(schema_of(("field", type_)), {"field": value}) == {"field": value}


@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        ("int", SECRET, "a whole number of 32 bits, is a string"),
        ("int", 2**31, "a whole number of 32 bits"),
        ("int", 1.0, "a whole number of 32 bits"),
        ("int", True, "a whole number of 32 bits, is a truth value"),
        ("long", -(2**63) - 1, "a whole number of 64 bits"),
        ("double", 2**53 + 1, "a number"),
        ("double", "1", "a number, is a string"),
        ("boolean", 1, "true or false, is a number"),
        ("string", None, "a string, is null"),
        ("bytes", SECRET + "!", "bytes as base64 text"),
        (["null", "string"], 1, "a string, is a number"),
        (["int", "string"], [], "one of the types that the schema allows here, is an array"),
        ({"type": "array", "items": "int"}, {}, "an array, is an object"),
        ({"type": "map", "values": "int"}, [], "an object, is an array"),
        ({"type": "enum", "name": "E", "symbols": ["RED", "BLUE"]}, SECRET, "one of RED, BLUE"),
        ({"type": "fixed", "name": "G", "size": 3}, "AAA=", "3 bytes as base64 text"),
        ({"type": "int", "logicalType": "date"}, SECRET, "a date, such as 2026-01-31"),
        ({"type": "int", "logicalType": "date"}, "2026-02-30", "a date, such as 2026-01-31"),
        ({"type": "int", "logicalType": "date"}, "20260131", "a date, such as 2026-01-31"),
        ({"type": "int", "logicalType": "date"}, 7, "a date, such as 2026-01-31, is a number"),
        ({"type": "long", "logicalType": "timestamp-millis"}, "2026-01-31T08:30:00", "a time of RFC 3339"),
        ({"type": "long", "logicalType": "timestamp-millis"}, "2026-01-31T08:30:00.0001Z", "a time of RFC 3339"),
        ({"type": "string", "logicalType": "uuid"}, SECRET, "a UUID"),
        ({"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}, "1.234", "a decimal number as text"),
        ({"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}, "100", "a decimal number as text"),
        ({"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}, 1.5, "a decimal number as text"),
    ],
)
def test_wrong_value_is_told_what_it_must_be(type_: Any, value: Any, expected: str) -> None:
    message = faults_of(schema_of(("field", type_)), {"field": value})["data.field"]
    assert message.startswith(f"must be {expected}")


def test_every_fault_is_named_with_its_path() -> None:
    item = {"type": "record", "name": "Item", "fields": [{"name": "sum", "type": "int"}]}
    schema = schema_of(("items", {"type": "array", "items": item}), ("prices", {"type": "map", "values": "int"}))
    data = {"items": [{"sum": 1}, {"sum": SECRET}, {}], "prices": {SECRET: "x"}}
    assert list(faults_of(schema, data)) == ["data.items[1].sum", "data.items[2].sum", "data.prices.*"]


def test_unknown_field_is_refused_by_name_with_hint() -> None:
    faults = faults_of(schema_of(("amount_dm", "int")), {"ammount_dm": 1})
    assert faults == {
        "data.ammount_dm": "is not in the schema; did you mean amount_dm?",
        "data.amount_dm": "is missing; add it",
    }


def test_unknown_field_without_likeness_is_to_remove() -> None:
    assert "remove it" in faults_of(schema_of(("sum", "int")), {"sum": 1, "zzzzzzz": 2})["data.zzzzzzz"]


def test_data_that_is_no_object_is_refused() -> None:
    assert faults_of(schema_of(("sum", "int")), None) == {"data": "must be an object, is null"}


def test_missing_field_with_default_is_filled() -> None:
    document = to_json(sample(current()[APPLICATION_SUBMITTED]))
    del document["applicant"]["date_of_birth"]
    assert to_avro(current()[APPLICATION_SUBMITTED], document)["applicant"]["date_of_birth"] is None


def test_type_used_twice_is_read_twice() -> None:
    point = {"type": "record", "name": "Point", "fields": [{"name": "x", "type": "int"}]}
    assert there_and_back(schema_of(("a", point), ("b", "Point")), {"a": {"x": 1}, "b": {"x": 2}}) == {
        "a": {"x": 1},
        "b": {"x": 2},
    }


def test_timestamp_is_given_back_in_utc() -> None:
    schema = schema_of(("at", {"type": "long", "logicalType": "timestamp-millis"}))
    assert there_and_back(schema, {"at": "2026-01-31T10:30:00+02:00"}) == {"at": "2026-01-31T08:30:00.000Z"}


def test_decimal_is_exact_where_floats_are_not() -> None:
    schema = schema_of(("sum", {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 2}))
    assert to_avro(schema, {"sum": "123456789012345678.91"})["sum"] == Decimal("123456789012345678.91")
    assert there_and_back(schema, {"sum": "7"}) == {"sum": "7.00"}


def test_type_without_json_form_is_refused() -> None:
    duration = {"type": "fixed", "name": "D", "size": 12, "logicalType": "duration"}
    assert "no JSON form" in faults_of(schema_of(("field", duration)), {"field": "x"})["data.field"]


def test_only_so_many_faults_are_told_and_none_takes_long_to_find() -> None:
    """A guess for each of a hundred thousand names would take hours."""
    schema = schema_of(*((f"field_{number}", ["null", "string"]) for number in range(500)))
    found = faults_of(schema, {f"filed_{number}" + "x" * 50: 1 for number in range(100_000)})
    assert len(found) == MOST_FAULTS
    assert "is not in the schema" in next(iter(found.values()))


def test_few_bytes_do_not_become_very_many_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each item is filled up with what it leaves out."""
    monkeypatch.setattr("schemas.jsondata.MOST_VALUES", 50_000)
    fields = [{"name": f"f{number}", "type": ["null", "string"], "default": None} for number in range(2_000)]
    item = {"type": "record", "name": "test.Item", "fields": fields}
    found = faults_of(schema_of(("items", {"type": "array", "items": item})), {"items": [{}] * 100_000})
    assert list(found.values()) == ["is more than 50,000 values by its schema; send less at once"]


def test_what_is_one_of_several_is_not_tried_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schemas.jsondata.MOST_VALUES", 50_000)
    type_: list[Any] = ["int", {"type": "enum", "name": "test.Sign", "symbols": ["A"]}]
    value: Any = "B"
    for number in range(40):
        names = [f"test.{kind}{number}" for kind in "AB"]
        fields = [{"name": "x", "type": type_}]
        made = [{"type": "record", "name": name, "fields": fields} for name in names]
        type_, value = [made[0], {**made[1], "fields": [{"name": "x", "type": _named(type_)}]}], {"x": value}
    (message,) = faults_of(schema_of(("v", type_)), {"v": value}).values()
    assert "values by its schema" in message


def _named(type_: list[Any]) -> list[Any]:
    """The same types, by their names: each is written out once."""
    return [each["name"] if isinstance(each, dict) else each for each in type_]


def test_an_enumeration_of_very_many_is_told_by_its_first() -> None:
    symbols = [f"S{number}" for number in range(5_000)]
    type_ = {"type": "array", "items": {"type": "enum", "name": "test.Sign", "symbols": symbols}}
    found = faults_of(schema_of(("signs", type_)), {"signs": [SECRET, "S7"] * 1_000})
    assert len(found) == MOST_FAULTS
    assert found["data.signs[0]"].endswith("S48, S49 and 4,950 others, is a string")
