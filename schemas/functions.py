"""What a definition can call: one declaration of each function, from which everything else about it is computed.

Whoever carries a function out declares it: a connector its operations, a step processor its own. From the declaration
come lint and its messages, routing, the check of the arguments of a command, the reference pages, an editor's schema
and local runs. A declaration is data and can be written as JSON (`described`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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


_KINDS: Mapping[Kind, tuple[tuple[type, ...], str, Mapping[str, Json]]] = {
    Kind.ANY: ((), "anything", {}),
    Kind.OBJECT: ((dict,), "an object", {"type": "object"}),
    Kind.LINE: ((str,), "a text that is not empty", {"type": "string", "minLength": 1}),
    Kind.NAME: ((str,), "a name", {"type": "string", "minLength": 1}),
    Kind.ADDRESS: ((str,), "an address", {"type": "string", "minLength": 1}),
    Kind.CHOICE: ((str,), "a text", {"type": "string"}),
    Kind.FLAG: ((bool,), "true or false", {"type": "boolean"}),
    Kind.STATEMENT: ((str,), "a text that is not empty", {"type": "string", "minLength": 1}),
    Kind.CHOICES: ((list,), "a list of texts", {"type": "array", "items": {"type": "string"}, "minItems": 1}),
    Kind.SCHEMA: ((dict, bool), "a JSON Schema", {"type": ["object", "boolean"]}),
    Kind.DURATION: ((int, str, dict), "a duration", {"type": ["integer", "string", "object"]}),
}
_TEXTS = (Kind.LINE, Kind.NAME, Kind.ADDRESS, Kind.STATEMENT)


class ArgumentError(ValueError):
    """The arguments of a command are not those of its function; one line with the place, the reason and the remedy.

    Quotes no argument.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One member of `with`."""

    name: str
    summary: str
    kind: Kind = Kind.ANY
    required: bool = False
    example: str = ""  # as a definition writes it: `method: get`
    choices: tuple[str, ...] = ()  # of a CHOICE, as a command has them
    default: str | None = None  # an expression on the task's input, for an argument that is left out
    max_length: int | None = None  # characters of a text
    schema: Mapping[str, Json] | None = None  # JSON Schema of the value in a command; that of the kind unless given

    def read(self, function: str, value: Json) -> Json:
        """The value as a command has it, checked. Raises ArgumentError."""
        wanted, what, _ = _KINDS[self.kind]
        if wanted and type(value) not in wanted:
            raise self._fault(function, f"is not {what}")
        if self.kind in _TEXTS and not value:
            raise self._fault(function, "is empty")
        if self.max_length is not None and len(value) > self.max_length:
            raise self._fault(function, f"has more than {self.max_length} characters")
        if self.kind is Kind.CHOICE:
            return self._choice(function, value)
        if self.kind is Kind.CHOICES and not (value and all(isinstance(item, str) and item for item in value)):
            raise self._fault(function, "is a list of one text or more")
        return value

    def json_schema(self) -> Mapping[str, Json]:
        """The JSON Schema of the value in a command."""
        if self.schema is not None:
            return self.schema
        known: dict[str, Json] = dict(_KINDS[self.kind][2])
        if self.choices:
            known["enum"] = list(self.choices)
        if self.max_length is not None:
            known["maxLength"] = self.max_length
        return known

    def _choice(self, function: str, value: str) -> str:
        known = {choice.lower(): choice for choice in self.choices}
        if value.lower() not in known:
            raise self._fault(function, f"is none of {', '.join(self.choices)}")
        return known[value.lower()]

    def _fault(self, function: str, what: str) -> ArgumentError:
        remedy = f"; write {self.example}" if self.example else ""
        return ArgumentError(f"{function}: {self.name} {what}{remedy}")


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

    def read(self, given: Json) -> dict[str, Json]:
        """The arguments of a command, checked; one that is null counts as left out. Raises ArgumentError."""
        if not isinstance(given, dict):
            raise ArgumentError(f"{self.name}: the arguments are no object; write with: {self.example}")
        declared = {argument.name: argument for argument in self.arguments}
        if unknown := sorted(given.keys() - declared.keys()):
            raise ArgumentError(f"{self.name}: there is no argument {unknown[0][:50]}; known are {', '.join(declared)}")
        there = {name: value for name, value in given.items() if value is not None or declared[name].kind is Kind.ANY}
        for argument in self.arguments:
            if argument.required and argument.name not in there:
                raise ArgumentError(f"{self.name}: {argument.name} is missing; write {argument.example}")
        return {name: declared[name].read(self.name, value) for name, value in there.items()}

    def described(self) -> dict[str, Json]:
        """The declaration as JSON, for machines."""
        arguments = {
            "type": "object",
            "properties": {each.name: {**each.json_schema(), "description": each.summary} for each in self.arguments},
            "required": [each.name for each in self.arguments if each.required],
            "additionalProperties": False,
        }
        return {
            "name": self.name,
            "summary": self.summary,
            "effect": self.effect.value if self.effect else None,
            "effectNote": self.effect_note or None,
            "waitsForPeople": self.waits_for_people,
            "arguments": arguments,
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
