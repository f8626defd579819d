"""Outcomes of a workflow that says what its output is: a JSON Schema as an Avro type, so that an outcome is one decode.

Such an outcome is an InstanceOutcome whose `output` is a record. What JSON Schema can say and Avro cannot (a choice, a
member of any kind) is a string that holds JSON. A member that need not be there is null where it is not. Members that
the schema does not name are carried, in a map of their own, where it says that there may be such.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from hashlib import sha256
from io import BytesIO
from typing import Any, Final

import orjson
from fastavro import schemaless_writer

from schemas.catalogue import Schema, current, parse, shape, text
from schemas.messages import INSTANCE_OUTCOME
from schemas.payload import ATTRIBUTE, Json, Payload, UnreadablePayloadError
from schemas.wire import frame_prefix

NAMESPACE: Final = "exlify.outcome"
FIRST_ID: Final = 2_100_000_000
"""Ids without a registry: those of drafts lie below."""
IDS: Final = 47_000_000

JSON_NAME = "jsonName"
"""Attribute of a field: the name of the member, where that is no name in Avro."""
JSON_TEXT = "json"
"""Attribute of a field: its string holds JSON; of a map of MORE: each of its strings does."""
MORE = "additionalProperties"
"""The field of the members that the schema does not name, and its attribute."""

MAX_DEPTH = 16
MAX_MEMBERS = 1_000
"""As many a type may name: what refers to itself more than once doubles with each level."""
_PLAIN = {"string": "string", "integer": "long", "number": "double", "boolean": "boolean"}
_NO_NAME = re.compile(r"[^A-Za-z0-9_]")


def is_outcome(name: str) -> bool:
    """Whether a message is an outcome, typed or not."""
    return name == INSTANCE_OUTCOME or name.startswith(f"{NAMESPACE}.")


def outcome_schema(workflow: str, output: Json) -> Schema | None:
    """The type of a workflow's outcomes; None where they stay as they are.

    So they do where its schema names no members, or more than MAX_MEMBERS.
    """
    base = json.loads(text(current()[INSTANCE_OUTCOME]))
    namespace = f"{NAMESPACE}.{_name(workflow)}"
    try:
        record = _Typing(output, namespace).type_of(output, "Output", 0)
    except _TooManyError:
        return None
    if not isinstance(record, dict) or record["type"] != "record":
        return None
    for field in base["fields"]:
        if field["name"] == "output":
            field.pop(ATTRIBUTE)
            field |= {"type": ["null", record], "doc": "Output of the workflow; null unless completed."}
    return parse(json.dumps(base | {"name": f"{namespace}.Outcome"}))


def own_id(schema: Schema) -> int:
    """The id of a typed outcome where no registry gives one."""
    digest = sha256(json.dumps(shape(schema), sort_keys=True).encode()).digest()
    return FIRST_ID + int.from_bytes(digest[:8], "big") % IDS


def value_of(schema_id: int, schema: Schema, outcome: Mapping[str, Any]) -> bytes | None:
    """The framed value of an outcome; None where the type cannot hold its output, such as a number over 64 bits."""
    output: Payload | None = outcome["output"]
    out = BytesIO()
    out.write(frame_prefix(schema_id))
    try:
        plain = None if output is None else _written(_type(schema, "output"), output.value())
        known = {field["name"] for field in schema["fields"]}  # of the version that made the type
        fields = {name: value for name, value in outcome.items() if name in known}
        schemaless_writer(out, schema, fields | {"output": plain}, strict_allow_default=True)
    except (UnreadablePayloadError, TypeError, ValueError, OverflowError, AttributeError, KeyError):
        return None
    return out.getvalue()


def output_type(schema: Schema) -> Schema:
    """The record of the output, out of the type of an outcome."""
    found: Schema = _type(schema, "output")[1]
    return found


def shown_output(schema: Schema, output: Any) -> Json:
    """The output of a typed outcome as it was in JSON, without what was not there."""
    return _shown(_type(schema, "output"), output)


class _TooManyError(Exception):
    """The schema names more members than a type may have."""


class _Typing:
    """One walk through a JSON Schema; `root` is where its references point into."""

    def __init__(self, root: Json, namespace: str) -> None:
        self._root = root
        self._namespace = namespace
        self._walked = 0

    def type_of(self, schema: Json, name: str, depth: int) -> Any:
        """The Avro type of what is no null; None where there is none. Raises _TooManyError."""
        self._walked += 1
        if self._walked > MAX_MEMBERS:
            raise _TooManyError
        schema = self._meant(schema)
        if schema is None or depth > MAX_DEPTH:
            return None
        kinds = _kinds(schema) - {"null"}
        if len(kinds) != 1:
            return None
        (kind,) = kinds
        if kind == "array":
            items = self._member(schema.get("items"), f"{name}_item", depth)
            return None if items is None else {"type": "array", "items": items}
        if kind != "object":
            return _PLAIN.get(kind)
        if not schema.get("properties"):
            values = self._member(schema.get("additionalProperties"), f"{name}_value", depth)
            return None if values is None else {"type": "map", "values": values}
        return self._record(schema, name, depth)

    def _member(self, schema: Json, name: str, depth: int) -> Any:
        found = self.type_of(schema, name, depth + 1)
        return ["null", found] if found is not None and self._may_be_null(schema) else found

    def _record(self, schema: Mapping[str, Json], name: str, depth: int) -> Any:
        fields = [
            self._field(key, each, f"{name}_{_name(key)}", key in schema.get("required", ()), depth)
            for key, each in schema["properties"].items()
        ]
        more = schema.get(MORE)
        if more not in (None, False) or schema.get("patternProperties"):
            values = None if schema.get("patternProperties") else self._member(more, f"{name}_{MORE}", depth)
            text_ = {} if values else {JSON_TEXT: True}
            kind = {"type": "map", "values": values or "string"}
            fields.append({"name": MORE, MORE: True, **text_, "type": kind, "default": {}})
        if len({field["name"] for field in fields}) < len(fields):
            return None
        return {"type": "record", "name": f"{self._namespace}.{name}", "fields": fields}

    def _field(self, key: str, schema: Json, name: str, required: bool, depth: int) -> dict[str, Any]:
        field: dict[str, Any] = {"name": _name(key)}
        if field["name"] != key:
            field[JSON_NAME] = key
        if isinstance(schema, dict) and isinstance(schema.get("description"), str):
            field["doc"] = schema["description"]
        found = self.type_of(schema, name, depth + 1)
        if found is None:
            found, field[JSON_TEXT] = "string", True
        if required:
            is_plain = JSON_TEXT in field or not self._may_be_null(schema)
            return field | {"type": found if is_plain else ["null", found]}
        return field | {"type": ["null", found], "default": None}

    def _may_be_null(self, schema: Json) -> bool:
        return "null" in _kinds(self._meant(schema) or {})

    def _meant(self, schema: Json) -> dict[str, Json] | None:
        """What a schema says, also where it only names the place of another."""
        for _ in range(MAX_DEPTH):
            if not isinstance(schema, dict):
                return None
            reference = schema.get("$ref")
            if reference is None:
                return schema
            schema = self._root
            if not isinstance(reference, str) or not reference.startswith("#/"):
                return None
            for part in reference[2:].split("/"):
                key = part.replace("~1", "/").replace("~0", "~")
                schema = schema.get(key) if isinstance(schema, dict) else None
        return None


def _kinds(schema: Mapping[str, Json]) -> set[str]:
    kinds = schema.get("type")
    if isinstance(kinds, str):
        return {kinds}
    if isinstance(kinds, list):
        return set(kinds)
    values = schema.get("enum", [schema["const"]] if "const" in schema else [None])
    return {"string"} if all(isinstance(each, str) for each in values) else set()


def _name(text_: str) -> str:
    found = _NO_NAME.sub("_", text_) or "_"
    return f"_{found}" if found[0].isdigit() else found


def _type(schema: Schema, field: str) -> Any:
    return next(each["type"] for each in schema["fields"] if each["name"] == field)


def _written(kind: Any, value: Json) -> Any:
    """A JSON value as a value of a type that was made of its schema. Raises ValueError and others where it is none."""
    if isinstance(kind, list):
        return None if value is None else _written(kind[1], value)
    if kind == "long":
        if isinstance(value, bool) or int(value) != value or not -(2**63) <= value < 2**63:
            raise ValueError
        return int(value)
    if kind == "double":
        if float(value) != value:  # a whole number of more digits than it holds
            raise ValueError
        return float(value)
    if isinstance(kind, str):
        if not isinstance(value, str if kind == "string" else bool):
            raise TypeError
        return value
    if kind["type"] == "array":
        return [_written(kind["items"], each) for each in value]
    if kind["type"] == "map":
        return {key: _written(kind["values"], each) for key, each in value.items()}
    named = {_key(field) for field in kind["fields"] if MORE not in field}
    return {
        field["name"]: _written_more(field, value, named) if MORE in field else _written_field(field, value)
        for field in kind["fields"]
    }


def _key(field: Mapping[str, Any]) -> str:
    """The name of a member."""
    found: str = field.get(JSON_NAME, field["name"])
    return found


def _written_more(field: Mapping[str, Any], value: Mapping[str, Json], named: Collection[str]) -> dict[str, Any]:
    values = field["type"]["values"]
    more = {key: each for key, each in value.items() if key not in named}
    return {
        key: orjson.dumps(each).decode() if field.get(JSON_TEXT) else _written(values, each)
        for key, each in more.items()
    }


def _written_field(field: Mapping[str, Any], value: Mapping[str, Json]) -> Any:
    key = _key(field)
    if key not in value and "default" in field:
        return None
    if field.get(JSON_TEXT):
        return orjson.dumps(value[key]).decode()
    return _written(field["type"], value[key])


def _shown(kind: Any, value: Any) -> Json:
    if isinstance(kind, list):
        return None if value is None else _shown(kind[1], value)
    if isinstance(kind, str) or value is None:
        return value
    if kind["type"] == "array":
        return [_shown(kind["items"], each) for each in value]
    if kind["type"] == "map":
        return {key: _shown(kind["values"], each) for key, each in value.items()}
    found = {}
    for field in kind["fields"]:
        each = value[field["name"]]
        if MORE in field:
            values = field["type"]["values"]
            for key, one in each.items():
                found[key] = orjson.loads(one) if field.get(JSON_TEXT) else _shown(values, one)
        elif each is not None or "default" not in field:
            found[_key(field)] = orjson.loads(each) if field.get(JSON_TEXT) else _shown(field["type"], each)
    return found
