"""Mappings: each value is exactly what is said; what is wrong, with data or the mapping, is told by its place."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.codecs.fields import Kind
from connectors.codecs.scalars import CodecError
from connectors.mappings import MappingError, MappingFault, mapping_of
from connectors.mappings.paths import PathError, source_path, target_path
from schemas.jsontext import MAX_LEVELS
from streams.ground.site import Site
from streams.processors.call.mappings import Mappings, evaluated
from streams.processors.call.mappings import mapped as mapped_step
from tests.support.data import payload

ORDER = {
    "number": "4711",
    "ordered": "24.12.2026",
    "total": "1.234,50",
    "land": "Deutschland",
    "express": True,
    "customer": {"first": "Ada", "last": "Lovelace", "phone": "", "mobile": "0170"},
    "items": [{"sku": "A-1", "qty": "2"}, {"sku": "B 2", "qty": "10"}],
    "currency": "EUR",
}


def schema(name: str) -> Any:
    raise ValueError(f"{name} is not there")


def made(fields: dict[str, Any], **more: Any) -> Any:
    return mapping_of({"fields": fields, **more}, evaluated, schema)


def mapped(value: Any, **rule: Any) -> Any:
    return made({"x": rule or value}).apply(ORDER).get("x", "nothing")


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        (".number", "4711"),
        ('."number"', "4711"),
        (".items[1].sku", "B 2"),
        (".", ORDER),
        ({"value": 7}, 7),
        ({"from": ".number", "type": "integer"}, 4711),
        ({"from": ".total", "decimal": {"mark": ","}}, "1234.50"),
        ({"from": ".total", "type": "number", "decimal": {"mark": ","}}, 1234.5),
        ({"from": ".total", "decimal": {"mark": ",", "places": 1}}, "1234.5"),
        ({"value": "2.675", "decimal": {"places": 2, "round": "half-up"}}, "2.68"),
        ({"value": "2.665", "decimal": {"places": 2, "round": "half-even"}}, "2.66"),
        ({"from": ".ordered", "date": "dd.MM.yyyy"}, "2026-12-24"),
        ({"from": ".ordered", "date": {"read": "dd.MM.yyyy", "write": "yyyyMMdd"}}, "20261224"),
        ({"from": ".land", "lookup": {"Deutschland": "DE"}}, "DE"),
        ({"from": ".land", "lookup": {}, "else": "XX"}, "XX"),
        ({"from": ".nothing", "default": 0}, 0),
        ({"from": ".nothing", "optional": True}, "nothing"),
        ({"first": [".customer.phone", ".customer.mobile"]}, "0170"),
        ({"jq": '.customer.first + " " + .customer.last'}, "Ada Lovelace"),
        ({"when": ".express", "value": "rush"}, "rush"),
        ({"when": ".express | not", "value": "rush"}, "nothing"),
        ({"value": " a ", "trim": True}, "a"),
        ({"value": "J", "type": "boolean", "true": "J", "false": "N"}, True),
        ({"each": ".items", "fields": {"s": ".sku", "c": "$.currency"}},
         [{"s": "A-1", "c": "EUR"}, {"s": "B 2", "c": "EUR"}]),
        ({"each": ".items", "fields": {"q": {"from": ".qty", "type": "integer"}}}, [{"q": 2}, {"q": 10}]),
        ({"each": ".nothing", "fields": {"s": ".sku"}}, []),
        ({"each": ".customer", "wrap": True, "fields": {"n": ".last"}}, [{"n": "Lovelace"}]),
        ({"fields": {"a.b": ".number"}}, {"a": {"b": "4711"}}),
    ],
)  # fmt: skip
def test_a_rule_gives_exactly_this(rule: Any, value: Any) -> None:
    assert made({"x": rule}).apply(ORDER).get("x", "nothing") == value


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (".nothing", "field x: .nothing is missing; give it a `default`, or say `optional: true`"),
        ({"from": ".land", "type": "integer"}, "field x: it is no whole number of up to 18 digits"),
        ({"from": ".ordered", "date": "yyyy-MM-dd"}, "field x: it is no date as yyyy-MM-dd"),
        ({"from": ".land", "lookup": {}}, "field x: its value is not in the lookup, and there is no `else`"),
        ({"value": "1.005", "decimal": {"places": 2}}, "field x: it has more than 2 digits behind the point"),
        ({"value": "0.1000000000000000055", "type": "number"}, "field x: a number of JSON would lose digits of it"),
        ({"each": ".customer", "fields": {"n": ".last"}}, "field x: .customer is no list"),
        (
            {"each": ".items", "fields": {"q": {"from": ".sku", "type": "integer"}}},
            "field x: item 0: field q: it is no",
        ),
        ({"jq": ".land / 2"}, "field x: "),
    ],
)
def test_data_that_does_not_fit_is_named_and_not_quoted(rule: Any, told: str) -> None:
    with pytest.raises(MappingError) as error:
        made({"x": rule}).apply(ORDER)
    assert str(error.value).startswith(told)
    assert not any(word in str(error.value) for word in ("Deutschland", "Lovelace", "24.12", "A-1"))


@pytest.mark.parametrize(
    ("fields", "place", "told"),
    [
        ({}, "fields", "no fields"),
        ({"x": "number"}, "fields.x", "no path"),
        ({"x": ".a..b"}, "fields.x", "is no path"),
        ({"x": {"from": ".a", "value": 1}}, "fields.x", "it says not once"),
        ({"x": {"from": ".a", "form": 1}}, "fields.x.form", "'form' is no member here"),
        ({"x": {"from": ".a", "type": "money"}}, "fields.x.type", "no such type"),
        ({"x": {"from": ".a", "date": "tt.mm"}}, "fields.x.date.read", "'tt' in a pattern means nothing"),
        ({"x": {"jq": "env"}}, "fields.x.jq", "no expression that can be used"),
        ({"x": {"jq": "$a"}}, "fields.x.jq", "no expression that can be used"),
        ({"x": ".a", "x.y": ".b"}, "fields.x.y", "a field above it is filled, too"),
        ({"x": {"each": ".a", "fields": {"y": {}}}}, "fields.x.fields.y", "it says not once"),
    ],
)
def test_a_wrong_mapping_is_told_with_its_place(fields: Any, place: str, told: str) -> None:
    with pytest.raises(MappingFault) as fault:
        made(fields)
    assert str(fault.value).startswith(f"{place}: {told}")


SOURCE = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}}},
    "$defs": {"line": {"type": "object", "properties": {"sku": {"type": "string"}}}},
}
TARGET = {
    "type": "object",
    "required": ["Order"],
    "properties": {
        "Order": {
            "type": "object",
            "required": ["Number", "Line"],
            "properties": {
                "Number": {"type": "integer"},
                "Line": {"type": "array", "items": {"type": "object", "properties": {"Sku": {"type": "string"}}}},
            },
        }
    },
}
LINES = {"each": ".lines", "fields": {"Sku": ".sku"}}
NUMBER = {"from": ".id", "type": "integer"}


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"Order.Number": NUMBER, "Order.Line": LINES}, None),
        ({"Order.Number": NUMBER}, "fields: nothing fills Order.Line, which its schema wants"),
        ({"Order.Nr": NUMBER}, "fields.Order.Nr: the output has no such field by its schema"),
        ({"Order.Number": ".nr"}, "fields.Order.Number: the input has no .nr by its schema"),
        ({"Order.Number": {"from": ".id", "type": "text"}}, "fields.Order.Number: it gives a string, and its schema"),
        ({"Order.Number": NUMBER, "Order.Line": {"each": ".lines", "fields": {"Sku": ".nr"}}},
         "fields.Order.Line.fields.Sku: the input has no .nr by its schema"),
        ({"Order.Number": {"each": ".lines", "fields": {"a": ".sku"}}}, "fields.Order.Number: the output has no list"),
    ],
)  # fmt: skip
def test_both_schemas_are_held_against_it(fields: Any, told: str | None) -> None:
    if told is None:
        made(fields, **{"from": SOURCE, "to": TARGET})
        return
    with pytest.raises(MappingFault) as fault:
        made(fields, **{"from": SOURCE, "to": TARGET})
    assert str(fault.value).startswith(told)


def test_its_own_tests_are_run() -> None:
    tests = [{"input": {"a": "1"}, "output": {"x": 1}}, {"input": {"a": "b"}, "error": "no whole number"}]
    made({"x": {"from": ".a", "type": "integer"}}, tests=tests)
    with pytest.raises(MappingFault, match=r"tests.0: test '1' fails: another output: .x is True, not 1"):
        made({"x": {"value": True}}, tests=tests[:1])


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12))
def test_no_digit_is_lost(number: Decimal) -> None:
    text = format(number, "f").replace(".", ",")
    found = made({"x": {"from": ".a", "decimal": {"mark": ","}}}).apply({"a": text})["x"]
    assert Decimal(found) == number


LONG = "1234567890" * 5  # digits of which none is lost, and which are no bug


def test_no_digit_of_a_long_number_is_lost() -> None:
    places = made({"x": {"from": ".n", "decimal": {"places": 2, "round": "half-up"}}})
    assert places.apply({"n": LONG + ".125"}) == {"x": LONG + ".13"}
    assert made({"x": {"from": ".n", "decimal": {"places": 2}}}).apply({"n": LONG}) == {"x": LONG + ".00"}
    implied = Kind(type="decimal", scale=2)
    assert (implied.read(LONG), implied.write(LONG + ".12")) == (LONG[:-2] + "." + LONG[-2:], LONG + "12")
    with pytest.raises(CodecError, match="more than 2 digits"):
        implied.write(LONG + ".123")


def test_what_a_mapping_makes_is_bounded() -> None:
    squared = {"x": {"each": ".a", "fields": {"y": {"each": "$.a", "fields": {"z": {"value": 1}}}}}}
    with pytest.raises(MappingError, match="more than 200000 values"):
        made(squared).apply({"a": [0] * 1_000})


@given(st.text(max_size=12))
def test_any_text_is_a_path_or_none(text: str) -> None:
    for read in (source_path, target_path):
        try:
            read(text)
        except PathError:
            continue


def test_very_many_fields_are_looked_at_once_each() -> None:
    fields = {f"A.f{number}": ".number" for number in range(6_000)}
    assert len(made(fields).rules) == len(fields)
    with pytest.raises(MappingFault, match="a field above it is filled, too"):
        made({**fields, "A.f7.x": ".number"})
    with pytest.raises(PathError, match="leads deeper than"):
        target_path(".".join("a" * 100))


def test_a_schema_that_refers_to_itself_very_often_is_followed_so_far() -> None:
    """What it wants would be ten to the power of twelve fields."""
    names = [f"n{number}" for number in range(10)]
    itself = {"type": "object", "required": names, "properties": {name: {"$ref": "#"} for name in names}}
    mapping_of({"fields": {"n0": ".number"}, "to": itself}, evaluated, schema)
    with pytest.raises(MappingFault, match=r"nothing fills n0\.n0"):
        mapping_of({"fields": {"n1": ".number"}, "to": itself}, evaluated, schema)


async def test_an_output_that_is_nested_too_deeply_faults_the_step(tmp_path: Path) -> None:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "more.yaml").write_text("fields: {more: .}")
    data = json.loads('{"a":' * MAX_LEVELS + "1" + "}" * MAX_LEVELS)
    step = {"instance_id": "0" * 32, "pointer": "/do/0/m", "iteration": 0, "attempt": 0, "function": "mapping"}
    command = {**step, "arguments": payload({"name": "more", "input": data})}
    result = await mapped_step(command, Mappings(tmp_path, Site(tmp_path)))
    assert (result["status"], "nested deeper than" in result["error"]["detail"]) == ("faulted", True)
