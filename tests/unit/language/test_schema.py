"""JSON Schemas: what they find, and that they never quote the data."""

from __future__ import annotations

from typing import Any

import pytest

from streams.language.schema import JsonSchema, SchemaFaultError
from tests.support.cost import costs_within

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


@pytest.mark.parametrize(
    "reference", ["#/$defs/missing", "#nobody", "https://example.com/other", "other.json", "#/x/y"]
)
def test_reference_that_leads_nowhere_is_refused(reference: str) -> None:
    with pytest.raises(SchemaFaultError, match=r"does not exist|leads out"):
        JsonSchema({"$ref": reference, "x": 1})


@pytest.mark.parametrize("reference", ["https://example.com/order#/$defs/n", "#/$defs/n", "order#n"])
def test_reference_to_own_id_stays_inside(reference: str) -> None:
    defs = {"n": {"$anchor": "n", "type": "integer"}}
    schema = JsonSchema({"$id": "https://example.com/order", "$defs": defs, "properties": {"a": {"$ref": reference}}})
    assert schema.check({"a": 1}) is None
    assert schema.check({"a": "x"}) == "/a is not of type integer"


@pytest.mark.parametrize("keyword", ["default", "const", "x-note"])
def test_data_inside_schema_is_no_schema(keyword: str) -> None:
    data = {"$ref": "https://example.com/", "pattern": "(", "patternProperties": {"(": 1}}
    assert JsonSchema({keyword: data}).check(data) is None
    assert JsonSchema({"enum": [data], "examples": [data]}).check(data) is None


def test_properties_may_have_names_of_keywords() -> None:
    schema = JsonSchema({"properties": {name: {"type": "string"} for name in ("pattern", "$ref", "enum", "const")}})
    assert schema.check({"pattern": "(", "$ref": "https://example.com/", "enum": "x"}) is None
    with pytest.raises(SchemaFaultError, match="RE2"):
        JsonSchema({"properties": {"const": {"pattern": "("}}})


@pytest.mark.parametrize("amount", [19.99, 4.35, 0.01, 100, 1e300, 12345678901234567890, -0.07])
def test_decimal_multiples_are_those_of_the_written_number(amount: float) -> None:
    assert JsonSchema({"multipleOf": 0.01}).check(amount) is None


@pytest.mark.parametrize("amount", [19.995, 1e-300, 0.015, 0.005])
def test_what_is_no_multiple_is_refused(amount: float) -> None:
    assert JsonSchema({"multipleOf": 0.01}).check(amount) == "the value breaks the rule multipleOf: 0.01"


def test_every_amount_in_cents_is_a_multiple() -> None:
    schema = JsonSchema({"multipleOf": 0.01})
    assert [cents for cents in range(1, 10_001) if schema.check(cents / 100)] == []


@pytest.mark.parametrize(
    ("values", "unique"),
    [
        ([1, True], True),
        ([0, False], True),
        ([1, 1.0], False),
        ([[1], [True]], True),
        ([{"a": 1, "b": 2}, {"b": 2.0, "a": 1}], False),
        (["1", 1], True),
        ([9007199254740993, 9007199254740992.0], True),
        ([None, False, 0, "", [], {}], True),
        ([{"a": [1]}, {"a": [1]}], False),
    ],
)
def test_unique_items_tell_numbers_from_booleans(values: list[Any], unique: bool) -> None:
    assert (JsonSchema({"uniqueItems": True}).check(values) is None) is unique
    assert (JsonSchema({"enum": values[:1]}).check(values[1]) is not None) is unique
    assert (JsonSchema({"const": values[0]}).check(values[1]) is not None) is unique


def test_unique_items_of_many_objects_are_cheap() -> None:
    rows = [{"id": number, "tags": [str(number)]} for number in range(20_000)]
    assert JsonSchema({"uniqueItems": True}).check(rows) is None
    assert JsonSchema({"uniqueItems": True}).check([*rows, rows[0]]) == "the value breaks the rule uniqueItems: true"


def test_long_enum_is_looked_through_once() -> None:
    schema = JsonSchema({"items": {"enum": [f"K{number}" for number in range(40_000)]}})
    assert schema.check([f"K{number}" for number in range(5_000)]) is None
    assert schema.check(["K1", "secret"]).startswith('/1 breaks the rule enum: ["K0"')  # type: ignore[union-attr]


def _chain(keyword: str) -> dict[str, Any]:
    """Each part refers twice to the next."""
    links = {f"a{level}": _twice(keyword, {"$ref": f"#/$defs/a{level + 1}"}) for level in range(28)}
    return {"$ref": "#/$defs/a0", "$defs": {**links, "a28": {"type": "string"}}}


def _twice(keyword: str, part: dict[str, Any]) -> dict[str, Any]:
    if keyword == "dependentSchemas":
        return {keyword: {"a": part, "b": part}}
    if keyword == "properties":
        return {"not": part, "if": part, "then": part}
    return {keyword: [part, part]}


@pytest.mark.parametrize("keyword", ["allOf", "anyOf", "oneOf", "dependentSchemas", "properties"])
@pytest.mark.parametrize("unevaluated", [{}, {"unevaluatedProperties": False}])
def test_schema_that_explodes_runs_out_of_steps(keyword: str, unevaluated: dict[str, Any]) -> None:
    schema = {**_chain(keyword), **unevaluated}
    schema["$defs"]["a28"] = {"minProperties": 1, "type": "object"}
    found = JsonSchema(schema).check({"a": 1, "b": 2} if keyword in ("allOf", "dependentSchemas") else {})
    assert found is not None
    assert found.startswith("needs more than 100,000 steps")


@pytest.mark.parametrize(
    ("schema", "data"),
    [
        ({"anyOf": [{"type": "string"}] * 300}, [{"a": [number]} for number in range(20_000)]),
        ({"items": {"anyOf": [{"const": number} for number in range(1_000)]}}, list(range(5_000))),
        ({"contains": {"properties": {"a": {"const": 0}}, "required": ["a"]}}, [{"a": 1}] * 200_000),
        ({"propertyNames": {"maxLength": 9}}, {str(number): 1 for number in range(100_000)}),
        ({"unevaluatedItems": {"type": "string"}, "contains": {"const": 1}}, list(range(20_000))),
        ({"additionalProperties": {"type": "integer"}}, {str(number): 1 for number in range(200_000)}),
        ({"items": {"pattern": "^(a+)+$"}}, ["a" * 200_000] * 20),
    ],
)
def test_dear_checks_run_out_of_steps(schema: Any, data: Any) -> None:
    assert JsonSchema(schema).check(data) == "needs more than 100,000 steps to be checked"


@pytest.mark.parametrize(
    "schema",
    [
        {"type": [{"a": [number]} for number in range(40_000)]},
        {"allOf": [{"minimum": 0}] * 60_000},
        {"required": [[number] for number in range(100_000)]},
    ],
)
def test_schema_dear_to_compile_is_refused(schema: Any) -> None:
    with pytest.raises(SchemaFaultError):
        JsonSchema(schema)


def test_large_schema_can_be_read() -> None:
    properties = {f"p{number}": {"type": "string", "maxLength": 9} for number in range(1_500)}
    assert JsonSchema({"properties": properties}).check({"p1": "x", "p2": 3}) == "/p2 is not of type string"


@pytest.mark.parametrize("schema", [{"$ref": "#"}, {"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"$ref": "#"}}}])
def test_schema_that_refers_to_itself_ends(schema: Any) -> None:
    assert JsonSchema(schema).check({}) == "nests too deeply to be checked"


def test_part_of_another_dialect_is_checked_by_the_same_rules() -> None:
    part = {"$schema": "http://json-schema.org/draft-07/schema#", "pattern": "^(a+)+$"}
    assert JsonSchema({"allOf": [part]}).check("a" * 60 + "!") == "the value breaks the rule pattern: ^(a+)+$"


def test_ordinary_lists_are_checked_within_the_budget() -> None:
    row = {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer", "minimum": 0}}}
    assert JsonSchema({"type": "array", "items": row}).check([{"a": number} for number in range(5_000)]) is None


@pytest.mark.parametrize(
    "schema",
    [
        {"$schema": []},
        {"$schema": 5},
        {"$id": "http://[bad"},
        {"pattern": "\ud800"},
        {"$ref": "http://[bad"},
        {"$defs": {"a": {"$id": 5}}},
    ],
)
def test_names_that_cannot_be_read_are_faults(schema: Any) -> None:
    with pytest.raises(SchemaFaultError):
        JsonSchema(schema)


@pytest.mark.parametrize("name", ["$anchor", "$id"])
def test_references_are_looked_for_once(name: str) -> None:
    names = {f"d{number}": {name: f"n{number}", "type": "integer"} for number in range(800)}
    reference = "n7" if name == "$id" else "#n7"
    schema = JsonSchema({"$id": "https://example.com/", "$defs": names, "items": {"$ref": reference}})
    assert schema.check([1] * 5_000) is None
    assert schema.check([1, "x"]) == "/1 is not of type integer"
    # A search through the whole schema for each took a minute; it takes 3.
    assert costs_within(60, lambda: schema.check([1] * 5_000))


def test_dynamic_references_follow_the_way_to_them() -> None:
    tree = {"$id": "https://example.com/tree", "$dynamicAnchor": "node", "type": "object",
            "properties": {"children": {"items": {"$dynamicRef": "#node"}}}}  # fmt: skip
    strict = {"$id": "https://example.com/strict", "$dynamicAnchor": "node", "$ref": "tree",
              "unevaluatedProperties": False, "$defs": {"tree": tree}}  # fmt: skip
    assert JsonSchema(strict).check({"children": [{"children": []}]}) is None
    assert JsonSchema(strict).check({"children": [{"daat": 1}]}) is not None
