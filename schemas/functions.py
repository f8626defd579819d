"""What a definition can call: one declaration of each function, from which everything else about it is computed.

Whoever carries a function out declares it: a connector its operations, a step processor its own. From the declaration
come lint and its messages, routing, the check of the arguments of a command (`schemas.arguments`), the reference pages,
an editor's schema and local runs. A declaration is data and can be written as JSON (`described`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from schemas.arguments import Argument, ArgumentError, Kind, Members, Values, object_schema
from schemas.payload import Json
from schemas.reasons import Effect
from schemas.recovery import Policy, described

__all__ = [
    "OWN_NAME",
    "Argument",
    "ArgumentError",
    "EffectClass",
    "Function",
    "Kind",
    "Values",
    "WithAssumed",
    "assumed",
    "by_name",
]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function: what it takes and gives, and what it does to the world. Who declares it carries it out.

    `effect` None: it depends on the arguments, and the connector judges. Those from `opens` to `gives` are for personal
    data: which arguments the processor must have in clear, for which purpose, and which personal fields its output has.
    """

    name: str
    summary: str
    arguments: tuple[Argument, ...]
    output: Mapping[str, Json]  # JSON Schema
    example: str  # of `with`
    effect: EffectClass | None = None
    effect_by: tuple[str, Mapping[str, EffectClass]] | None = None  # an argument, and what follows from its values
    effect_note: str = ""  # for people, where `effect` alone does not say it
    waits_for_people: bool = False  # an instance that has no other step open is waiting, not running
    own: bool = False  # of the people who run Exlify: it may be hosted or not, and its topic is called after it
    undeclared: bool = False  # known by its name alone: it takes whatever it is given
    opens: tuple[str, ...] = ()
    purpose: str = ""
    gives: tuple[str, ...] = ()
    apart: tuple[tuple[str, str], ...] = ()  # arguments of which a call may have one only
    paged: str = ""  # the argument that asks for a list in pages; each is a step that gives {items, next}
    by_task: bool = False  # a task of its own kind asks for it, and no `call` can
    recovery: Policy | None = None  # how it is tried again where neither definition nor connection says it

    _with: Members = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_with", Members(self.arguments))

    def __hash__(self) -> int:  # a function is known by its name; what it consists of may have no hash
        return hash(self.name)

    def read(self, given: Json) -> dict[str, Json]:
        """The arguments of a command, checked; one that is null counts as left out. Raises ArgumentError."""
        if type(given) is not dict:
            raise ArgumentError(f"{self.name}: the arguments are no object; write with: {self.example}")
        read = self._with.read(self.name, given)
        for one, other in self.apart:
            if read.get(one) is not None and read.get(other) is not None:
                raise self.fault(one, f"stands beside {other}", "leave one of them out")
        return read

    def changes(self, given: Mapping[str, Json], declared: Json = None) -> bool:
        """Whether a call may change something outside, by what a definition says of it: its arguments, its effect."""
        effect = self.effect
        if self.effect_by is not None:
            argument, effects = self.effect_by
            effect = effects.get(str(given.get(argument)).upper(), effect)
        if declared in list(EffectClass):
            effect = EffectClass(declared)
        return effect is None or effect.effectful

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
            "recovery": described(self.recovery) if self.recovery else None,
        }


OWN_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}(\.[a-z0-9][a-z0-9-]{0,62}){1,3}")
"""Names of own functions: an area and a name, so that none is that of a processor."""


def assumed(name: str) -> Function:
    """A function of which nothing is known but that a definition calls it."""
    output: Mapping[str, Json] = {"description": "Whatever it gives."}
    return Function(
        name=name, summary="Not announced.", arguments=(), output=output, example="{}", own=True, undeclared=True
    )


class WithAssumed(Mapping[str, Function]):
    """Functions that are known, and any other whose name may be that of an own one.

    For definitions that were checked when they were deployed: whether an own function is announced now is nothing that
    their instances may depend on.
    """

    def __init__(self, known: Mapping[str, Function]) -> None:
        self._known = known

    def __getitem__(self, name: str) -> Function:
        found = self._known.get(name)
        if found is None and OWN_NAME.fullmatch(name):
            return assumed(name)
        return self._known[name] if found is None else found

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


class ForCalls(Mapping[str, Function]):
    """Those of the functions that a `call` can ask for, each looked up where it is known: what is assumed stays so."""

    def __init__(self, known: Mapping[str, Function]) -> None:
        self._known = known

    def __getitem__(self, name: str) -> Function:
        found = self._known[name]
        if found.by_task:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return (name for name, each in self._known.items() if not each.by_task)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def by_name(*groups: tuple[Function, ...]) -> dict[str, Function]:
    """Functions of several owners by name. Raises ValueError where two have the same name."""
    known: dict[str, Function] = {}
    for function in (each for group in groups for each in group):
        if function.name in known:
            raise ValueError(f"two functions are called {function.name}")
        known[function.name] = function
    return known
