"""The functions that definitions can call, as people and machines read them: the same for the gateway and for `exlify`.

Light, as the declarations are.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from schemas.arguments import Argument
from schemas.functions import Function
from schemas.payload import Json
from streams.processors import ALL

CARRIED_OUT_BY = MappingProxyType({function.name: each.name for each in ALL for function in each.functions})
"""The processor of every function."""


def brief(function: Function, *, hosted: bool | None = None) -> dict[str, Json]:
    """What it does, to whom, and who does it. No effect: it depends on the arguments. `hosted` None: nobody knows."""
    return {
        "name": function.name,
        "summary": function.summary,
        "effect": function.effect.value if function.effect else None,
        "effect_note": function.effect_note or None,
        "carried_out_by": CARRIED_OUT_BY.get(function.name, function.name),
        "waits_for_people": function.waits_for_people,
        "hosted": hosted,
    }


def full(function: Function, *, hosted: bool | None = None) -> dict[str, Json]:
    """All of its declaration; `schema` is that of the arguments in a command."""
    described = function.described()
    return {
        **brief(function, hosted=hosted),
        "arguments": [_argument(each) for each in function.arguments],
        "recovery": described["recovery"],
        "example": function.example,
        "schema": described["arguments"],
        "output": described["output"],
    }


def _argument(argument: Argument) -> dict[str, Any]:
    return {
        "name": argument.name,
        "summary": argument.summary,
        "kind": argument.kind.value,
        "required": argument.required,
        "default": argument.default,
        "example": argument.example or None,
        "choices": list(argument.choices),
        "members": [_argument(each) for each in argument.members],
    }
