"""Forms: from a JSON Schema to fields that a browser shows, and from what it sends back to data. Pure.

What has no field of its own (schemas of several alternatives, objects with free names) is written as JSON. The schema
itself has the last word over the data; what a field can check already, its attributes say to the browser.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as default
from typing import Any

from schemas.jsontext import NoJsonError, UnfitDataError, parse
from schemas.payload import Json
from streams.console import words

PREFIX = "data"
MAX_DEPTH = 5
MAX_FIELDS = 200
LINES_FROM = 200  # characters: longer texts get several lines
DATES = {"date": "date", "time": "time", "email": "email", "uri": "url"}
_COMBINED = ("oneOf", "anyOf", "allOf", "not", "if", "patternProperties", "$dynamicRef")


Texts = Mapping[str, Mapping[str, str]]  # of codes, by the name of their field
NO_TEXTS: Texts = {}


class FormFaultError(ValueError):
    """A field holds what cannot be its value; the text names the field and what it takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a form, or a group of them."""

    path: tuple[str, ...]
    kind: str  # text, lines, number, integer, yes-no, choice, several, json, group, date, time, email, url
    label: str
    required: bool
    hint: str = ""
    choices: tuple[str, ...] = ()  # as JSON
    words: Mapping[str, str] = default(default_factory=dict)  # what a choice is called, where it is not what it is
    fields: tuple[Field, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()  # of the HTML element
    default: Json = None

    @property
    def preset(self) -> tuple[str, ...]:
        """What stands in the field before anybody writes: the schema's default."""
        if self.default is None:
            return ()
        if self.kind == "several":
            return tuple(json.dumps(each) for each in self.default) if isinstance(self.default, list) else ()
        written = isinstance(self.default, str) and self.kind != "choice"
        return (self.default if written else json.dumps(self.default),)

    @property
    def name(self) -> str:
        """Its name in the form."""
        return "/".join((PREFIX, *(part.replace("~", "~0").replace("/", "~1") for part in self.path)))


def fields_of(schema: Json, texts: Texts = NO_TEXTS) -> tuple[Field, ...]:
    """The fields of a form; one for JSON as a whole where the schema describes no plain object. `texts` say what
    codes mean, by the name of the field."""
    if not isinstance(schema, dict) or not schema:
        return ()
    try:
        made = _field(schema, _Root(schema, texts), (), required=True, depth=0)
    except _TooManyError:
        made = None
    if made is None or made.kind != "group":
        return (Field(path=(), kind="json", label="Answer as JSON", required=False),)
    return made.fields


class _TooManyError(Exception):
    """More fields than a page can hold."""


@dataclass
class _Root:
    """The whole schema, into which references point, and how many fields were made of it."""

    schema: Mapping[str, Any]
    texts: Texts
    count: int = 0


def _field(schema: Json, root: _Root, path: tuple[str, ...], *, required: bool, depth: int) -> Field:
    root.count += 1
    if root.count > MAX_FIELDS:
        raise _TooManyError
    schema = _resolved(schema, root.schema)
    common: dict[str, Any] = {
        "path": path,
        "label": _text(schema, "title") or words.titled(path[-1] if path else ""),
        "required": required,
        "hint": _text(schema, "description"),
        "default": schema.get("default"),
    }
    kind = schema.get("type")
    if listed := _listed(schema, root, path):
        return Field(kind="choice", **listed, **common)
    if depth > MAX_DEPTH or any(word in schema for word in _COMBINED):
        return Field(kind="json", **common)
    if isinstance(schema.get("properties"), dict) and kind in (None, "object"):
        return _group(schema, root, common, depth)
    match kind:
        case "string":
            return _string(schema, common)
        case "number" | "integer":
            return Field(kind=kind, attributes=_number_attributes(schema, kind), **common)
        case "boolean":
            return Field(kind="yes-no", **common)
        case "array":
            items = _resolved(schema.get("items"), root.schema)
            if listed := _listed(items, root, path):
                return Field(kind="several", **listed, **common)
    return Field(kind="json", **common)


def _listed(schema: Mapping[str, Any], root: _Root, path: tuple[str, ...]) -> dict[str, Any]:
    """The values that a schema lists, with what they are called: what codes mean, or the titles of alternatives;
    nothing where it is any other schema."""
    for word in ("oneOf", "anyOf"):
        given = schema.get(word)
        if isinstance(given, list) and given and all(isinstance(each, dict) and "const" in each for each in given):
            named = {json.dumps(each["const"]): _text(each, "title") for each in given}
            return {"choices": tuple(named), "words": {value: title for value, title in named.items() if title}}
    if any(word in schema for word in _COMBINED):
        return {}
    values = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    if not isinstance(values, list) or not values:
        return {}
    texts = root.texts.get(path[-1], {}) if path else {}
    words_of = {json.dumps(each): texts[each] for each in values if isinstance(each, str) and each in texts}
    return {"choices": tuple(json.dumps(each) for each in values), "words": words_of}


def _group(schema: Mapping[str, Any], root: _Root, common: dict[str, Any], depth: int) -> Field:
    needed = schema.get("required")
    names = needed if isinstance(needed, list) else []
    fields = tuple(
        _field(each, root, (*common["path"], name), required=name in names, depth=depth + 1)
        for name, each in schema["properties"].items()
    )
    return Field(kind="group", fields=fields, **common)


def _string(schema: Mapping[str, Any], common: dict[str, Any]) -> Field:
    longest, least = schema.get("maxLength"), schema.get("minLength")
    attributes = [("maxlength", str(longest))] if _is_count(longest) else []
    attributes += [("minlength", str(least))] if _is_count(least) else []
    if (kind := DATES.get(str(schema.get("format")))) is not None:
        return Field(kind=kind, attributes=tuple(attributes), **common)
    long = longest > LINES_FROM if longest is not None and _is_count(longest) else "pattern" not in schema
    if long:
        return Field(kind="lines", attributes=tuple(attributes), **common)
    return Field(kind="text", attributes=tuple(attributes), **common)


def _number_attributes(schema: Mapping[str, Any], kind: str) -> tuple[tuple[str, str], ...]:
    found = [("step", "1" if kind == "integer" else "any")]
    for name, keyword in (("min", "minimum"), ("max", "maximum")):
        if isinstance(limit := schema.get(keyword), int | float) and not isinstance(limit, bool):
            found.append((name, str(limit)))
    return tuple(found)


def data_of(fields: Sequence[Field], posted: Mapping[str, Sequence[str]]) -> Json:
    """The data that was written into a form; what was left empty is left out. Raises FormFaultError."""
    if len(fields) == 1 and not fields[0].path:
        return _value(fields[0], posted)
    return _object(fields, posted)


def _object(fields: Sequence[Field], posted: Mapping[str, Sequence[str]]) -> dict[str, Json]:
    made: dict[str, Json] = {}
    for field in fields:
        if field.kind == "group":
            if (inner := _object(field.fields, posted)) or field.required:
                made[field.path[-1]] = inner
        elif (value := _value(field, posted)) is not None:
            made[field.path[-1]] = value
    return made


def _value(field: Field, posted: Mapping[str, Sequence[str]]) -> Json:
    given = [text for text in posted.get(field.name, ()) if text.strip()]
    if not given:
        return None
    if field.kind == "several":
        return [_chosen(field, text) for text in given]
    text = given[0].replace("\r\n", "\n")
    match field.kind:
        case "choice":
            return _chosen(field, text)
        case "yes-no":
            return _chosen(field, text, ("true", "false"))
        case "number" | "integer":
            return _number(field, text)
        case "json":
            return json_of(field.label, text)
    return text if field.kind == "lines" else text.strip()


def _chosen(field: Field, text: str, choices: Sequence[str] = ()) -> Json:
    if text not in (choices or field.choices):
        raise FormFaultError(f"{field.label}: choose one of those offered")
    return json.loads(text)


def _number(field: Field, text: str) -> Json:
    try:
        number = float(text)
        whole = int(text) if number.is_integer() and "e" not in text.lower() and "." not in text else None
        if number != number or number in (float("inf"), float("-inf")):
            raise ValueError(text)
    except (ValueError, OverflowError):
        raise FormFaultError(f"{field.label}: write a number") from None
    return number if whole is None else whole


def json_of(label: str, text: str) -> Json:
    """What somebody has written as JSON, as every door takes it. Raises FormFaultError."""
    try:
        return parse(text)
    except NoJsonError:
        raise FormFaultError(f"{label}: write JSON") from None
    except UnfitDataError as error:
        raise FormFaultError(f"{label}: {error}") from None


def _resolved(schema: Json, root: Mapping[str, Any]) -> dict[str, Any]:
    """The schema itself where it refers to another one of the same document; never more than a few times."""
    for _ in range(8):
        reference = schema.get("$ref") if isinstance(schema, dict) else None
        if not isinstance(reference, str) or not reference.startswith("#"):
            break
        found: Json = root
        for part in reference.split("/")[1:]:
            part = part.replace("~1", "/").replace("~0", "~")
            found = found.get(part) if isinstance(found, dict) else None
        schema = found
    return schema if isinstance(schema, dict) else {}


def _text(schema: Mapping[str, Any], name: str) -> str:
    value = schema.get(name)
    return value if isinstance(value, str) else ""


def _is_count(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
