"""Typed outcomes: what the type holds comes back as it was, and what it cannot hold is said, never bent."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from schemas.catalogue import parse, text
from schemas.codec import Codec
from schemas.typed import FIRST_ID, IDS, is_outcome, outcome_schema, own_id, shown_output, value_of
from tests.support.data import payload

ADDRESS = {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}}
OUTPUT: dict[str, Any] = {
    "type": "object",
    "required": ["decision", "amount", "tags", "home", "note", "either"],
    "properties": {
        "decision": {"enum": ["approved", "declined"], "description": "What was decided."},
        "amount": {"type": "integer"},
        "limit-eur": {"type": "number"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "home": {"$ref": "#/$defs/address"},
        "note": {"type": ["string", "null"]},
        "either": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
        "rates": {"type": "object", "additionalProperties": {"type": "number"}},
        "open": {"type": "boolean"},
    },
    "$defs": {"address": ADDRESS},
}
FULL = {
    "decision": "approved", "amount": 12, "limit-eur": 1.5, "tags": ["a"], "home": {"city": "Ulm"}, "note": None,
    "either": 7, "rates": {"x": 0.25}, "open": True,
}  # fmt: skip
LEAST = {"decision": "declined", "amount": 0, "tags": [], "home": {"city": ""}, "note": "n", "either": "s"}


def outcome(output: Any, status: str = "completed") -> dict[str, Any]:
    return {
        "instance_id": "0" * 32, "workflow": "credit-line", "version": "1.0.0", "digest": "d" * 64, "status": status,
        "output": None if output is None else payload(output), "error": None, "business_key": None, "source": "/s",
        "event_id": "1", "started_at_ms": 1, "ended_at_ms": 2,
    }  # fmt: skip


@pytest.mark.parametrize("output", [FULL, LEAST, None])
def test_output_comes_back_as_it_was_from_one_decode(output: Any) -> None:
    schema = outcome_schema("credit-line", OUTPUT)
    assert schema is not None
    raw = value_of(own_id(schema), schema, outcome(output))
    codec = Codec.offline()
    codec.know(own_id(schema), parse(text(schema)))
    name, told = codec.decode(raw or b"")
    assert is_outcome(name) and name == "exlify.outcome.credit_line.Outcome"
    assert shown_output(codec.writer_of(raw or b""), told["output"]) == output
    assert output is None or told["output"]["amount"] == output["amount"]


NAMED = {"type": "object", "properties": {"id": {"type": "string"}, "inner": {"type": "object"}}}
GIVEN = {"id": "a", "inner": {"x": 1}, "more": 1.5, "a-b": None}


@pytest.mark.parametrize(
    ("says", "carried"),
    [
        ({}, {"id": "a", "inner": {"x": 1}}),
        ({"additionalProperties": False}, {"id": "a", "inner": {"x": 1}}),
        ({"additionalProperties": True}, GIVEN),
        ({"additionalProperties": {"type": ["number", "null"]}}, GIVEN),
        ({"additionalProperties": {"oneOf": [{"type": "number"}, {"type": "null"}]}}, GIVEN),
        ({"patternProperties": {"^[am]": {}}, "additionalProperties": False}, GIVEN),
    ],
)
def test_members_without_a_name_are_carried_where_the_schema_says_that_there_may_be_some(
    says: dict[str, Any], carried: Any
) -> None:
    for output, given, wanted in ((NAMED | says, GIVEN, carried), (NAMED | says, {"id": "b"}, {"id": "b"})):
        schema = outcome_schema("open", output)
        assert schema is not None
        raw = value_of(own_id(schema), schema, outcome(given)) or b""
        codec = Codec.offline()
        codec.know(own_id(schema), parse(text(schema)))
        assert shown_output(codec.writer_of(raw), codec.decode(raw)[1]["output"]) == wanted


def test_member_that_the_schema_names_like_the_map_makes_no_type() -> None:
    named = {"id": {"type": "string"}, "additionalProperties": {"type": "string"}}
    output = {"type": "object", "properties": named, "additionalProperties": True}
    assert outcome_schema("open", output) is None


def test_additional_members_that_are_not_what_is_said_are_not_written() -> None:
    schema = outcome_schema("open", NAMED | {"additionalProperties": {"type": "integer"}})
    assert schema is not None and value_of(1, schema, outcome(GIVEN)) is None


@pytest.mark.parametrize(
    "wrong",
    [{"amount": 2**63}, {"limit-eur": 2**53 + 1}, {"amount": 1.5}, {"amount": True}, {"tags": [1]}, {"home": 3}],
)
def test_what_the_type_cannot_hold_is_not_written(wrong: dict[str, Any]) -> None:
    schema = outcome_schema("credit-line", OUTPUT)
    assert schema is not None and value_of(1, schema, outcome(FULL | wrong)) is None


@pytest.mark.parametrize(
    "schema",
    [
        True, {}, {"type": "string"}, {"type": "object"}, {"oneOf": [OUTPUT]}, {"$ref": "#/$defs/nothing"},
        {"type": "object", "properties": {"a-b": {"type": "string"}, "a_b": {"type": "string"}}},
        {"$ref": "#"},
    ],
)  # fmt: skip
def test_schema_that_names_no_members_makes_no_type(schema: Any) -> None:
    assert outcome_schema("any", schema) is None


def test_schema_that_unfolds_without_end_makes_no_type() -> None:
    """A tree would double with each level: the outcomes of such a workflow carry JSON."""
    branch = {"$ref": "#/$defs/tree"}
    tree = {"type": "object", "properties": {"left": branch, "right": branch}}
    assert outcome_schema("x", {"type": "object", "properties": {"root": branch}, "$defs": {"tree": tree}}) is None


def test_schema_that_goes_round_in_circles_ends_in_json() -> None:
    tree: dict[str, Any] = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "left": {"$ref": "#"}, "children": {"type": "array", "items": {}}},
    }
    schema = outcome_schema("tree", tree)
    assert schema is not None and len(text(schema)) < 100_000
    value = {"name": "a", "left": {"name": "b"}, "children": [{"c": [1]}, "d"]}
    raw = value_of(1, schema, outcome(value))
    codec = Codec.offline()
    codec.know(1, schema)
    _, told = codec.decode(raw or b"")
    assert orjson.loads(told["output"]["children"]) == value["children"]
    assert shown_output(schema, told["output"]) == value


def test_id_without_a_registry_follows_the_shape_and_is_a_signed_number() -> None:
    schema = outcome_schema("credit-line", OUTPUT)
    prose = json.loads(json.dumps(OUTPUT).replace("What was decided.", "How it went."))
    same, other = outcome_schema("credit-line", prose), outcome_schema("credit-line", ADDRESS)
    assert schema is not None and same is not None and other is not None
    assert own_id(schema) == own_id(same) != own_id(other)
    assert FIRST_ID <= own_id(schema) < FIRST_ID + IDS < 2**31


def test_type_of_an_older_version_goes_on_being_written() -> None:
    schema = outcome_schema("credit-line", OUTPUT)
    assert schema is not None
    raw = value_of(7, schema, outcome(FULL) | {"brought_later": True})
    codec = Codec.offline()
    codec.know(7, schema)
    assert raw is not None and codec.decode(raw)[1]["output"]["amount"] == 12
