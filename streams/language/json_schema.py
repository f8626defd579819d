"""The JSON Schema of a definition, for editors: keys are completed, hovered over and underlined while somebody types.

Computed from what constructs and functions declare. It accepts every definition that lint accepts; what an expression
means, where a `then` leads and whether names are taken twice only lint can tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.functions import Function
from streams.language import authentications
from streams.language.common import FORMS
from streams.language.construct import Construct
from streams.language.constructs import ALL
from streams.language.forms import DEFINITIONS, Form, closed, defined
from streams.language.workflow import FORM

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(functions: Mapping[str, Function]) -> dict[str, Any]:
    """The schema of definitions that can call these functions."""
    return {
        "$schema": DIALECT,
        "title": "Workflow definition of Exlify",
        "description": "A documented profile of the Open Workflow Specification 1.0.3; see PROFILE.md.",
        **FORM,
        "$defs": {
            **DEFINITIONS,
            **authentications.DEFINITIONS,
            "task": _task(),
            **{_name(each): _kind(each, functions) for each in ALL},
        },
    }


def _task() -> dict[str, Any]:
    """A task is what its key says, so that an editor speaks of one kind and not of all."""
    chosen = [{"if": _is(each), "then": defined(_name(each))} for each in ALL]
    some = {"anyOf": [{"required": [each.key]} for each in ALL]}
    return {"type": "object", "allOf": [some, *chosen]}


def _is(construct: Construct[Any]) -> dict[str, Any]:
    """It has the key of the kind, and not that of another kind which the same key comes with."""
    others = [each.key for each in ALL if construct.key in each.keys and each is not construct]
    test: dict[str, Any] = {"required": [construct.key]}
    return test | ({"not": {"anyOf": [{"required": [key]} for key in others]}} if others else {})


def _kind(construct: Construct[Any], functions: Mapping[str, Function]) -> Form:
    form = closed({**construct.keys, **FORMS}, construct.required)
    return {"description": f"{construct.key}: {construct.summary}.", **form, **construct.narrowed(functions)}


def _name(construct: Construct[Any]) -> str:
    return f"{construct.key}-task"
