"""What pages and editors are told of the language: the tables of PROFILE.md, and the JSON Schema of a definition.

Rendered from what constructs and functions declare.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from schemas.functions import Argument, Function, Kind
from streams.catalogue import FUNCTIONS
from streams.language.constructs import ALL
from streams.language.json_schema import schema

Table = tuple[Sequence[str], Sequence[Sequence[str]]]  # head and rows

_HINTS: Mapping[Kind, str] = {
    Kind.CHOICES: "a list of texts",
    Kind.SCHEMA: "JSON Schema",
    Kind.DURATION: "duration",
    Kind.FLAG: "true or false",
    Kind.FIXED: "written out",
    Kind.OBJECT: "object",
    Kind.ADDRESS: "or `{uri}`",
}


def definition_schema() -> str:
    """The JSON Schema of a definition, for editors."""
    return json.dumps(schema(FUNCTIONS), indent=1, ensure_ascii=False) + "\n"


def tasks_table() -> Table:
    """Every kind of task with its keys."""
    rows = [(f"`{each.key}`", _listed(each.keys), each.summary) for each in ALL]
    return ("task", "keys", "what it is"), rows


def functions_table() -> Table:
    """Every function with its arguments, its output and what it does to the outside world."""
    rows = [
        (
            f"`{each.name}`",
            each.summary,
            ", ".join(map(_argument, each.arguments)),
            _output(each),
            each.effect_note or (each.effect.value if each.effect else "-"),
        )
        for each in FUNCTIONS.values()
    ]
    return ("function", "does", "arguments (* required)", "output", "effect"), rows


def _argument(argument: Argument) -> str:
    hint = _listed(choice.lower() for choice in argument.choices) or _HINTS.get(argument.kind, "")
    if argument.default is not None:
        hint = "default: the task's input" if argument.default == "${ . }" else f"default: `{argument.default}`"
    return f"`{argument.name}`{'*' if argument.required else ''}{f' ({hint})' if hint else ''}"


def _output(function: Function) -> str:
    members = function.output.get("properties", {})
    return _listed(members) if members else _lowered(function.output.get("description", "-"))


def _lowered(text: str) -> str:
    return text[0].lower() + text[1:].removesuffix(".")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
