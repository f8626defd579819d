"""From schema to fields, and from what a browser sends to data."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.console.forms import FormFaultError, data_of, fields_of

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["minutes", "agreed", "address"],
    "properties": {
        "minutes": {"type": "integer", "minimum": 0, "maximum": 60, "title": "Minutes spoken"},
        "rate": {"type": "number"},
        "agreed": {"type": "boolean"},
        "channel": {"enum": ["mail", "phone", 3]},
        "note": {"type": "string", "maxLength": 2000},
        "short": {"type": "string", "maxLength": 20, "default": "x"},
        "day": {"type": "string", "format": "date"},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}},
        "address": {"$ref": "#/$defs/address"},
        "free": {"type": "object"},
    },
    "$defs": {"address": {"type": "object", "properties": {"zip/code": {"type": "string", "maxLength": 5}}}},
}
FIELDS = fields_of(SCHEMA)
BY_NAME = {field.path[0]: field for field in FIELDS}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("minutes", "integer"),
        ("rate", "number"),
        ("agreed", "yes-no"),
        ("channel", "choice"),
        ("note", "lines"),
        ("short", "text"),
        ("day", "date"),
        ("tags", "several"),
        ("address", "group"),
        ("free", "json"),
    ],
)
def test_every_type_has_its_field(name: str, kind: str) -> None:
    assert BY_NAME[name].kind == kind


def test_field_says_what_the_schema_says() -> None:
    assert (BY_NAME["minutes"].label, BY_NAME["minutes"].required) == ("Minutes spoken", True)
    assert dict(BY_NAME["minutes"].attributes) == {"step": "1", "min": "0", "max": "60"}
    assert (BY_NAME["short"].preset, BY_NAME["channel"].preset) == (("x",), ())


def test_what_was_written_becomes_data_and_what_was_left_empty_is_left_out() -> None:
    posted = {
        "data/minutes": ["12"],
        "data/rate": ["0.5"],
        "data/agreed": ["false"],
        "data/channel": ["3"],
        "data/note": ["one\r\ntwo"],
        "data/short": [""],
        "data/tags": ['"b"', '"a"'],
        "data/address/zip~1code": ["12345"],
        "data/free": ['{"a": [1]}'],
    }
    assert data_of(FIELDS, posted) == {
        "minutes": 12, "rate": 0.5, "agreed": False, "channel": 3, "note": "one\ntwo", "tags": ["b", "a"],
        "address": {"zip/code": "12345"}, "free": {"a": [1]},
    }  # fmt: skip
    assert data_of(FIELDS, {}) == {"address": {}}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("minutes", "twelve"),
        ("rate", "nan"),
        ("rate", "1e999"),
        ("channel", '"fax"'),
        ("channel", "mail"),
        ("agreed", "maybe"),
        ("tags", '"c"'),
        ("free", "{"),
        ("free", '"\\ud800"'),
    ],
)
def test_what_is_no_value_of_a_field_is_refused_by_its_label(name: str, text: str) -> None:
    with pytest.raises(FormFaultError, match=f"^{BY_NAME[name].label}: "):
        data_of(FIELDS, {BY_NAME[name].name: [text]})


@pytest.mark.parametrize("schema", [{"oneOf": [{}]}, {"type": "array"}, {"$ref": "#/$defs/none"}, {"$ref": "#"}])
def test_what_is_no_plain_object_is_written_as_json(schema: Any) -> None:
    fields = fields_of(schema)
    assert [field.kind for field in fields] == ["json"]
    assert data_of(fields, {fields[0].name: ["[1]"]}) == [1]


def test_schema_that_holds_itself_ends() -> None:
    tree = {"$ref": "#/$defs/tree"}
    schema = {**tree, "$defs": {"tree": {"type": "object", "properties": {"left": tree}}}}
    assert data_of(fields_of(schema), {"data/left/left/left/left/left/left": ["{}"]}) != {}


KEYWORDS = ["type", "properties", "items", "enum", "$ref", "required", "default", "title", "a"]
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["object", "array"])
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYWORDS), inner, max_size=4),
    max_leaves=12,
)


def test_schema_of_very_many_fields_is_written_as_json() -> None:
    wide = {"type": "object", "properties": {f"f{number}": {"$ref": "#"} for number in range(40)}}
    assert [field.kind for field in fields_of(wide)] == ["json"]


@given(SCHEMAS)
def test_no_schema_breaks_a_form(schema: Any) -> None:
    fields = fields_of(schema)
    with suppress(FormFaultError):
        data_of(fields, {field.name: ["1"] for field in fields})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("12345678901234567890123", "a whole number has more than 64 bits"),
        ("[" * 300 + "]" * 300, "nested deeper than 200 levels"),
        ("1e999", "a number is too large"),
        ("{", "write JSON"),
    ],
)
def test_json_that_would_become_something_else_is_not_taken(text: str, told: str) -> None:
    with pytest.raises(FormFaultError, match=told):
        data_of((BY_NAME["free"],), {"data/free": [text]})
