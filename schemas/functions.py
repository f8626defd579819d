"""What a definition can call: one declaration of each function, from which everything else about it is computed.

Whoever carries a function out declares it: a connector its operations, a step processor its own. From the declaration
come lint and its messages, routing, the check of the arguments of a command, the reference pages, an editor's schema
and local runs. A declaration is data and can be written as JSON (`described`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from schemas.payload import Json
from schemas.reasons import Effect


class EffectClass(StrEnum):
    """What a function does to the outside world, and so what may be done when nobody knows whether it was done."""

    READ = "read"  # changes nothing: call again
    IDEMPOTENT = "idempotent"  # doing it twice is doing it once: call again
    KEYED = "keyed"  # the system recognises the key of the step: call again with the same key
    PROBED = "probed"  # the system can be asked whether it was done: ask first
    BLIND = "blind"  # no means at all: never call again, show the doubt

    @property
    def effectful(self) -> bool:
        """Whether the outside world may change."""
        return self is not EffectClass.READ

    @property
    def repeatable(self) -> bool:
        """Whether calling again does no harm, whatever became of the first call."""
        return self in (EffectClass.READ, EffectClass.IDEMPOTENT, EffectClass.KEYED)

    def when(self, *, certain: Effect) -> Effect:
        """`certain` for an effectful function; a reading one never has an effect."""
        return certain if self.effectful else Effect.NONE


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
    SCHEMA = "schema"  # a JSON Schema
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
    schema: Mapping[str, Json] | None = None  # JSON Schema of the value in a command; that of the kind unless given
    _types: tuple[type, ...] = field(init=False, repr=False, compare=False)
    _within: _Members = field(init=False, repr=False, compare=False)
    _more: Callable[..., Json] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:  # what a command is read with is worked out once
        object.__setattr__(self, "_types", _KINDS[self.kind][0])
        object.__setattr__(self, "_within", _Members(self.members))
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


class _Members:
    """The members of an object, ready for reading it."""

    __slots__ = ("_declared", "_required")

    def __init__(self, members: tuple[Argument, ...]) -> None:
        self._declared = {each.name: each for each in members}
        self._required = tuple(each.name for each in members if each.required)

    def read(self, function: str, given: dict[str, Json], within: str = "") -> dict[str, Json]:
        read: dict[str, Json] = {}
        for name, value in given.items():
            declared = self._declared.get(name)
            if declared is None:
                known = ", ".join(self._declared)
                raise ArgumentError(f"{function}: there is no argument {within}{name[:50]}; known are {known}")
            if value is not None or declared.kind is Kind.ANY:
                read[name] = declared.read(function, value, within)
        for name in self._required:
            if name not in read:
                remedy = f"; write {self._declared[name].example}" if self._declared[name].example else ""
                raise ArgumentError(f"{function}: {within}{name} is missing{remedy}")
        return read


def object_schema(members: tuple[Argument, ...]) -> dict[str, Json]:
    """The JSON Schema of an object that has these members and no others."""
    return {
        "type": "object",
        "properties": {each.name: {**each.json_schema(), "description": each.summary} for each in members},
        "required": [each.name for each in members if each.required],
        "additionalProperties": False,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function: what it takes and gives, and what it does to the world. Who declares it carries it out.

    `effect` None: it depends on the arguments, and the connector judges. The last four are for personal data: which
    arguments the processor must have in clear, for which purpose, and which personal fields its output has.
    """

    name: str
    summary: str
    arguments: tuple[Argument, ...]
    output: Mapping[str, Json]  # JSON Schema
    example: str  # of `with`
    effect: EffectClass | None = None
    effect_note: str = ""  # for people, where `effect` alone does not say it
    waits_for_people: bool = False  # an instance that has no other step open is waiting, not running
    opens: tuple[str, ...] = ()
    purpose: str = ""
    gives: tuple[str, ...] = ()

    _with: _Members = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_with", _Members(self.arguments))

    def __hash__(self) -> int:  # a function is known by its name; what it consists of may have no hash
        return hash(self.name)

    def read(self, given: Json) -> dict[str, Json]:
        """The arguments of a command, checked; one that is null counts as left out. Raises ArgumentError."""
        if type(given) is not dict:
            raise ArgumentError(f"{self.name}: the arguments are no object; write with: {self.example}")
        return self._with.read(self.name, given)

    def fault(self, place: str, what: str, remedy: str = "") -> ArgumentError:
        """What is wrong with an argument beyond its declaration, told as `read` tells it. Quote no data.

        `place` is the argument's name, or names with dots between for what is in it: `endpoint.uri`. The remedy is the
        argument's example unless given.
        """
        argument = place.partition(".")[0]
        example = next((each.example for each in self.arguments if each.name == argument), "")
        remedy = remedy or (f"write {example}" if example else "")
        return ArgumentError(f"{self.name}: {place} {what}" + (f"; {remedy}" if remedy else ""))

    def described(self) -> dict[str, Json]:
        """The declaration as JSON, for machines."""
        return {
            "name": self.name,
            "summary": self.summary,
            "effect": self.effect.value if self.effect else None,
            "effectNote": self.effect_note or None,
            "waitsForPeople": self.waits_for_people,
            "arguments": object_schema(self.arguments),
            "output": dict(self.output),
            "example": self.example,
        }


def by_name(*groups: tuple[Function, ...]) -> dict[str, Function]:
    """Functions of several owners by name. Raises ValueError where two have the same name."""
    known: dict[str, Function] = {}
    for function in (each for group in groups for each in group):
        if function.name in known:
            raise ValueError(f"two functions are called {function.name}")
        known[function.name] = function
    return known
