"""The arguments of a function: how each is declared, and how a command that carries them is read.

A declaration is written once and read three ways: by lint and editors (how a definition may write the argument), by
whoever carries the function out (what a command may hold), and by people (the reference pages). Faults are told in one
way everywhere: function, place, reason, remedy, and none of the data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from schemas.payload import Json


class Kind(StrEnum):
    """What an argument is: how a definition may write it, and what a command may hold."""

    ANY = "any"  # JSON, with expressions in it
    OBJECT = "object"
    LINE = "line"  # a text that is not empty, or an expression
    NAME = "name"  # of a connection, a model, a team
    ADDRESS = "address"  # a URI, or a template of one
    CHOICE = "choice"  # one of a few fixed texts, in any case of letters
    FLAG = "flag"  # true or false
    STATEMENT = "statement"  # a fixed text that data must not become part of
    CHOICES = "choices"  # a list of fixed texts
    TYPED = "typed"  # JSON that follows `schema`, with expressions in it
    SCHEMA = "schema"  # a JSON Schema
    FIXED = "fixed"  # JSON that follows `schema` and passes `judge`, without expressions in it; or the name of such
    AUTHENTICATION = "authentication"  # as whom a call is made, with secrets by their names (`schemas.authentication`)
    DURATION = "duration"  # in a command: milliseconds


class Values(StrEnum):
    """What the members of an object are where it may have any names."""

    SCALAR = "scalar"  # a text, a number, true or false
    SCALARS = "scalars"  # one of these, or a list of them


_KINDS: Mapping[Kind, tuple[tuple[type, ...], str, Mapping[str, Json]]] = {
    Kind.ANY: ((), "anything", {}),
    Kind.OBJECT: ((dict,), "an object", {"type": "object"}),
    Kind.LINE: ((str,), "a text", {"type": "string", "minLength": 1}),
    Kind.NAME: ((str,), "a name", {"type": "string", "minLength": 1}),
    Kind.ADDRESS: ((str,), "an address", {"type": "string", "minLength": 1}),
    Kind.CHOICE: ((str,), "a text", {"type": "string"}),
    Kind.FLAG: ((bool,), "true or false", {"type": "boolean"}),
    Kind.STATEMENT: ((str,), "a text", {"type": "string", "minLength": 1}),
    Kind.CHOICES: ((list,), "a list of texts", {"type": "array", "items": {"type": "string"}, "minItems": 1}),
    Kind.SCHEMA: ((dict, bool), "a JSON Schema", {"type": ["object", "boolean"]}),
    Kind.TYPED: ((), "anything", {}),
    Kind.FIXED: ((dict, str), "an object or a name", {"type": ["object", "string"]}),
    Kind.AUTHENTICATION: ((dict,), "an object", {"type": "object"}),
    Kind.DURATION: ((int, str, dict), "a duration", {"type": ["integer", "string", "object"]}),
}
_TEXTS = (Kind.LINE, Kind.NAME, Kind.ADDRESS, Kind.STATEMENT)
_SCALARS = (str, int, float, bool)
_SCALAR: Mapping[str, Json] = {"type": ["string", "number", "boolean"]}
_VALUES: Mapping[Values, tuple[str, Mapping[str, Json]]] = {
    Values.SCALAR: ("texts, numbers, true and false", _SCALAR),
    Values.SCALARS: (
        "texts, numbers, true and false, and lists of them",
        {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR}]},
    ),
}


Wrong = tuple[tuple[str | int, ...], str, str]
"""What is wrong with a value that is written out: the place in it, what, and what to write instead."""


class ArgumentError(ValueError):
    """The arguments of a command are not those of its function; one line with the place, the reason and the remedy.

    Quotes no argument.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One member of `with`, or of an object in it.

    `members` are those of an object. An argument of another kind that has `members` may be such an object instead, in a
    command: an endpoint is an address, or `{uri, authentication}`.
    """

    name: str
    summary: str
    kind: Kind = Kind.ANY
    required: bool = False
    example: str = ""  # as a definition writes it: `method: get`
    choices: tuple[str, ...] = ()  # of a CHOICE, as a command has them
    default: str | None = None  # an expression on the task's input, for an argument that is left out
    min_length: int = 1  # characters of a text
    max_length: int | None = None
    members: tuple[Argument, ...] = ()
    values: Values | None = None  # of an object whose members are not declared
    refused: tuple[str, ...] = ()  # names, in lower case, that such an object may not have in any case of letters
    schema: Mapping[str, Json] | None = None  # JSON Schema of the value in a command; that of the kind unless given
    judge: Callable[[Json], Iterable[Wrong]] | None = None  # of a FIXED one: everything that is wrong with it
    hint: Callable[[Json], Iterable[Wrong]] | None = None  # and what may be, of one with which nothing is
    _types: tuple[type, ...] = field(init=False, repr=False, compare=False)
    _within: Members = field(init=False, repr=False, compare=False)
    _more: Callable[..., Json] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:  # what a command is read with is worked out once
        object.__setattr__(self, "_types", _KINDS[self.kind][0])
        object.__setattr__(self, "_within", Members(self.members))
        object.__setattr__(self, "_more", self._further())

    def read(self, function: str, value: Json, within: str = "") -> Json:
        """The value as a command has it, checked; `within` is the place of the object that it is in, with a dot.

        Raises ArgumentError.
        """
        if self._types and type(value) not in self._types:
            if self.members and type(value) is dict:
                return self._within.read(function, value, f"{within}{self.name}.")
            raise self._fault(function, within, f"is not {self._what()}")
        return self._more(self, function, value, within) if self._more is not None else value

    def json_schema(self) -> Mapping[str, Json]:
        """The JSON Schema of the value in a command."""
        if self.schema is not None:
            return self.schema
        known: dict[str, Json] = dict(_KINDS[self.kind][2])
        if self.choices:
            known["enum"] = list(self.choices)
        if "minLength" in known:
            known["minLength"] = self.min_length
        if self.max_length is not None:
            known["maxLength"] = self.max_length
        if self.values is not None:
            known["additionalProperties"] = _VALUES[self.values][1]
        if not self.members:
            return known
        return (
            object_schema(self.members) if self.kind is Kind.OBJECT else {"anyOf": [known, object_schema(self.members)]}
        )

    def _what(self) -> str:
        what = _KINDS[self.kind][1]
        return f"{what} or an object of {', '.join(each.name for each in self.members)}" if self.members else what

    def _further(self) -> Callable[..., Json] | None:
        """What is to be checked beside the type; None: nothing."""
        if self.kind in _TEXTS:
            return Argument._text
        match self.kind:
            case Kind.CHOICE:
                return Argument._choice
            case Kind.CHOICES:
                return Argument._list
            case Kind.OBJECT if self.members:
                return Argument._object
            case Kind.OBJECT if self.values is not None:
                return Argument._named_values
        return None

    def _text(self, function: str, value: str, within: str) -> str:
        if len(value) < self.min_length:
            raise self._fault(function, within, f"has fewer than {self.min_length} characters" if value else "is empty")
        if self.max_length is not None and len(value) > self.max_length:
            raise self._fault(function, within, f"has more than {self.max_length} characters")
        return value

    def _choice(self, function: str, value: str, within: str) -> str:
        if value in self.choices:
            return value
        known = {choice.lower(): choice for choice in self.choices}
        if value.lower() not in known:
            raise self._fault(function, within, f"is none of {', '.join(self.choices)}")
        return known[value.lower()]

    def _list(self, function: str, value: list[Json], within: str) -> list[Json]:
        if not value or not all(isinstance(item, str) and item for item in value):
            raise self._fault(function, within, "is not a list of one text or more")
        return value

    def _object(self, function: str, value: dict[str, Json], within: str) -> dict[str, Json]:
        return self._within.read(function, value, f"{within}{self.name}.")

    def _named_values(self, function: str, value: dict[str, Json], within: str) -> dict[str, Json]:
        assert self.values is not None
        for many in value.values():
            each = many if self.values is Values.SCALARS and type(many) is list else (many,)
            if not all(type(one) in _SCALARS for one in each):
                raise self._fault(function, within, f"has values other than {_VALUES[self.values][0]}")
        return value

    def _fault(self, function: str, within: str, what: str) -> ArgumentError:
        remedy = f"; write {self.example}" if self.example else ""
        return ArgumentError(f"{function}: {within}{self.name} {what}{remedy}")


class Members:
    """The members that an object is declared to have, ready for reading one."""

    __slots__ = ("_declared", "_required")

    def __init__(self, members: tuple[Argument, ...]) -> None:
        self._declared = {each.name: each for each in members}
        self._required = tuple(each.name for each in members if each.required)

    def read(self, function: str, given: dict[str, Json], within: str = "") -> dict[str, Json]:
        """The object as it is declared; a member that is null counts as left out. Raises ArgumentError."""
        read: dict[str, Json] = {}
        for name, value in given.items():
            declared = self._declared.get(name)
            if declared is None:
                raise self._unknown(function, within, name)
            if value is not None or declared.kind is Kind.ANY:
                read[name] = declared.read(function, value, within)
        for name in self._required:
            if name not in read:
                remedy = f"; write {self._declared[name].example}" if self._declared[name].example else ""
                raise ArgumentError(f"{function}: {within}{name} is missing{remedy}")
        return read

    def _unknown(self, function: str, within: str, name: str) -> ArgumentError:
        """Names of arguments are the definition's own words; further in, they may be data."""
        known = ", ".join(self._declared)
        if within:
            return ArgumentError(f"{function}: {within[:-1]} has a member that it cannot have; known are {known}")
        return ArgumentError(f"{function}: there is no argument {name[:50]}; known are {known}")


def object_schema(members: tuple[Argument, ...]) -> dict[str, Json]:
    """The JSON Schema of an object that has these members and no others."""
    return {
        "type": "object",
        "properties": {each.name: {**each.json_schema(), "description": each.summary} for each in members},
        "required": [each.name for each in members if each.required],
        "additionalProperties": False,
    }
