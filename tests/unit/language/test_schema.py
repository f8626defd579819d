"""JSON Schemas: what they find, and that they never quote the data."""

from __future__ import annotations

from typing import Any

import pytest

from streams.language.schema import JsonSchema, SchemaFaultError

SCHEMA = {
    "type": "object",
    "required": ["id", "items"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "pattern": "^[A-Z]{2}[0-9]+$"},
        "items": {"type": "array", "minItems": 1, "items": {"type": "object", "properties": {"n": {"maximum": 9}}}},
    },
}


def test_valid_data_passes() -> None:
    assert JsonSchema(SCHEMA).check({"id": "DE1", "items": [{"n": 3}]}) is None


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ({"id": "DE1"}, "the value lacks items"),
        ([], "the value is not of type object"),
        ({"id": "secret", "items": [{}]}, "/id breaks the rule pattern: ^[A-Z]{2}[0-9]+$"),
        ({"id": "DE1", "items": []}, "/items breaks the rule minItems: 1"),
        ({"id": "DE1", "items": [{"n": 10}]}, "/items/0/n breaks the rule maximum: 9"),
        ({"id": "DE1", "items": [{}], "secret": 1}, "the value has members that are not allowed"),
    ],
)
def test_complaint_names_place_and_rule_but_no_data(data: Any, line: str) -> None:
    found = JsonSchema(SCHEMA).check(data)
    assert found == line
    assert "secret" not in found


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "objekt"},
        {"$ref": "https://example.com/x"},
        {"pattern": "(a"},
        {"pattern": "(?!x)"},
        {"patternProperties": {"(a+)+$": {}}},
        {"required": "id"},
    ],
)
def test_wrong_schema_is_refused(schema: Any) -> None:
    with pytest.raises(SchemaFaultError):
        JsonSchema(schema)


def test_references_inside_the_schema_work() -> None:
    schema = JsonSchema({"$defs": {"n": {"type": "integer"}}, "properties": {"a": {"$ref": "#/$defs/n"}}})
    assert schema.check({"a": 1}) is None
    assert schema.check({"a": "x"}) == "/a is not of type integer"


def test_broken_reference_is_reported_as_such() -> None:
    assert (
        JsonSchema({"$ref": "#/$defs/missing"}).check(1) == "the schema refers to a part of itself that does not exist"
    )
