"""Types of a function's signature as JSON Schema, and data of commands as values of these types.

Whatever msgspec takes: plain types, dataclasses, its own structs, enumerations, dates, unions. What a complaint says
names the place and the type, never the data.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Union, get_type_hints

import msgspec
import orjson

from schemas.arguments import Argument, Kind
from schemas.payload import Door, Json, Payload
from streams.steps.context import Context

_QUOTED = re.compile(r"\b(unknown field|enum value|value) ([`'\"]).*?\2(?= - at|$)", re.DOTALL)
_DEEPEST = 30


class WrongSignatureError(Exception):
    """A function that cannot be a step; the text says why and what to write."""


class WrongDataError(Exception):
    """Data that is not of its type: the place and the type, without the data."""


@dataclass(frozen=True, slots=True)
class Signature:
    """The arguments and the result of a function."""

    arguments: tuple[Argument, ...]
    output: Mapping[str, Json]
    context: str | None  # the name of the argument that gets a Context
    takes: type[msgspec.Struct]
    gives: Any

    def read(self, given: Json) -> dict[str, Any]:
        """The arguments of a command as the function gets them; null counts as left out where there is a default.

        Raises WrongDataError.
        """
        if type(given) is not dict:
            raise WrongDataError("the arguments are no object")
        optional = {each.name for each in self.arguments if not each.required}
        meant = {name: value for name, value in given.items() if value is not None or name not in optional}
        try:
            read = msgspec.convert(meant, self.takes)
        except msgspec.ValidationError as error:
            raise WrongDataError(_without_data(error)) from None
        values = {name: getattr(read, name) for name in self.takes.__struct_fields__}
        return {name: value for name, value in values.items() if value is not msgspec.UNSET}

    def written(self, result: Any) -> Payload:
        """The result as it travels, held to its type. Raises WrongDataError."""
        try:
            raw = msgspec.json.encode(result)
            if self.gives is not Any:
                msgspec.json.decode(raw, type=self.gives)
            return Payload.from_outside(msgspec.json.decode(raw), Door.RESULT)
        except msgspec.ValidationError as error:
            raise WrongDataError(_without_data(error)) from None
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise WrongDataError(f"it cannot be written as JSON ({type(error).__name__})") from None


def signature_of(function: Callable[..., Any]) -> Signature:
    """Raises WrongSignatureError."""
    try:
        hints = get_type_hints(function, include_extras=True)
    except Exception as error:  # noqa: BLE001  # whatever stands in an annotation is evaluated
        raise WrongSignatureError(f"an annotation cannot be read: {type(error).__name__}: {error}") from None
    context, arguments, fields = None, [], []
    for name, parameter in inspect.signature(function).parameters.items():
        kind = hints.get(name, Any)
        if kind is Context:
            context = name
            continue
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise WrongSignatureError(f"{parameter} is no argument that has a name; name every argument")
        required = parameter.default is parameter.empty
        schema = _schema(kind, f"the argument {name}")
        arguments.append(
            Argument(
                name=name,
                summary=schema.get("description", _named(kind)),
                kind=Kind.TYPED,
                required=required,
                example=f"{name}: {orjson.dumps(_sample(schema)).decode()}",
                schema=schema,
            )
        )
        fields.append((name, kind) if required else (name, Union[kind, msgspec.UnsetType], msgspec.UNSET))  # noqa: UP007  # Any has no |
    gives = hints.get("return", Any)
    takes = msgspec.defstruct("Arguments", fields, kw_only=True, forbid_unknown_fields=True)
    return Signature(tuple(arguments), _schema(gives, "the result"), context, takes, gives)


def example_of(arguments: tuple[Argument, ...]) -> str:
    """How `with` may look."""
    return "{" + ", ".join(each.example for each in arguments if each.required) + "}"


def _schema(kind: Any, what: str) -> dict[str, Json]:
    """The JSON Schema of a type, without references; a type that contains itself is open where it does."""
    try:
        (schema,), parts = msgspec.json.schema_components([kind], ref_template="{name}")
    except TypeError:
        remedy = "write plain types, dataclasses or msgspec structs as annotations"
        raise WrongSignatureError(f"{what}: there is no JSON Schema of {_named(kind)}; {remedy}") from None
    inlined: dict[str, Json] = _inlined(schema, parts, ())
    return inlined


def _inlined(node: Any, parts: Mapping[str, Json], within: tuple[str, ...]) -> Any:
    if isinstance(node, list):
        return [_inlined(item, parts, within) for item in node]
    if not isinstance(node, dict):
        return node
    name = node.get("$ref")
    if isinstance(name, str) and name in parts:
        return {} if name in within else _inlined(parts[name], parts, (*within, name))
    return {key: _inlined(value, parts, within) for key, value in node.items() if key != "discriminator"}


def _sample(schema: Mapping[str, Json], depth: int = 0) -> Json:
    """A value of a schema for people to look at."""
    if "default" in schema:
        return schema["default"]
    for choices in ("enum", "anyOf"):
        if schema.get(choices):
            first = schema[choices][0]
            return first if choices == "enum" else _sample(first, depth)
    match schema.get("type"):
        case "object" if depth < _DEEPEST:
            members = schema.get("properties", {})
            return {name: _sample(members[name], depth + 1) for name in schema.get("required", ()) if name in members}
        case "array":
            return []
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case "null":
            return None
    return "..."


def _named(kind: Any) -> str:
    return getattr(kind, "__name__", None) or str(kind).replace("typing.", "")


def _without_data(error: msgspec.ValidationError) -> str:
    """A complaint of msgspec, which quotes little, without what it quotes."""
    return _QUOTED.sub(r"\1", str(error)).replace("`$.", "`").replace("`$`", "`it`")
