"""The keywords of JSON Schema, counted: what a check may do is bounded, however schema and data are made.

The library evaluates; each keyword and each subschema that it enters is paid for from the budget of the check. Where
the library takes quadratic time, divides in doubles or uses Python's regular expressions, the keyword is ours. Counted
and not timed, so that a replay meets the limit at the same place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

from jsonschema import ValidationError
from jsonschema.validators import extend

from streams.language.jq import pattern

MAX_STEPS = 100_000  # some tenths of a second
MAX_STEPS_OF_SCHEMA = 400_000  # to read the schema itself, once: enough for some thousand subschemas
_ENTER = 2  # steps for a subschema, beside its keywords
_FOLLOW = 4  # for a reference
_CONTAINERS = (dict, list)

Keyword = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]


class SchemaLimitError(Exception):
    """A check needs too much work."""


class Known:
    """What is known of a schema from check to check. It makes a check faster and no cheaper: a replay may know less."""

    __slots__ = ("references", "sets")

    def __init__(self, *, dynamic: bool) -> None:
        self.sets: dict[int, frozenset[Any]] = {}  # of its lists, by their ids
        # where references lead; None where that depends on the way to them
        self.references: dict[tuple[str, str], Any] | None = None if dynamic else {}


class Budget:
    """What one check has left, and what it has found out about its data."""

    __slots__ = ("_limit", "_paid", "_weights", "known", "left")

    def __init__(self, known: Known, limit: int = MAX_STEPS) -> None:
        self.left = self._limit = limit
        self.known = known
        self._weights: dict[int, int] = {}
        self._paid: set[int] = set()

    def spend(self, steps: int) -> None:
        """Pays for work about to be done; raises `SchemaLimitError` when nothing is left."""
        self.left -= steps
        if self.left < 0:
            raise SchemaLimitError(f"needs more than {self._limit:,} steps to be checked")

    def weigh(self, value: Any) -> int:
        """Nodes of a value and one more for every 64 characters; data is weighed once."""
        if type(value) is str:
            return 1 + (len(value) >> 6)
        if type(value) not in _CONTAINERS:
            return 1
        known = self._weights.get(id(value))
        if known is None:
            self.spend(1 + (len(value) >> 4))
            known = 1 + sum(map(self.weigh, value.values() if type(value) is dict else value))
            if type(value) is dict:
                known += len(value)
            self._weights[id(value)] = known
        return known

    def one_of(self, values: list[Any], value: Any) -> bool:
        """Whether the value equals one of a list of the schema; the list is paid for once in each check."""
        if id(values) not in self._paid:
            self._paid.add(id(values))
            self.spend(self.weigh(values) >> 2)
        known = self.known.sets.get(id(values))
        if known is None:
            known = self.known.sets[id(values)] = frozenset(map(identity, values))
        self.spend(self.weigh(value) >> 2)
        return identity(value) in known


BUDGET: ContextVar[Budget] = ContextVar("budget")


def identity(value: Any) -> Any:
    """Something hashable that two values share if JSON Schema calls them equal: 1 and 1.0 are, 1 and true are not."""
    kind = type(value)
    if kind is list:
        return (list, *map(identity, value))
    if kind is dict:
        return (dict, frozenset((key, identity(member)) for key, member in value.items()))
    return (bool, value) if kind is bool else value


def _size(value: Any) -> int:
    return len(value) if type(value) in _CONTAINERS else 0


def _counted(keyword: Keyword) -> Keyword:
    """A keyword of the library: it may look at every member, and its complaint writes the data out."""

    def counted(validator: Any, rule: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        budget = BUDGET.get()
        budget.spend(1 + (_size(instance) + _size(rule) >> 3) + (budget.weigh(instance) >> 6))
        yield from keyword(validator, rule, instance, schema) or ()

    return counted


def _crossing(keyword: Keyword) -> Keyword:
    """A keyword of the library that looks for every member among all the others."""

    def counted(validator: Any, rule: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        BUDGET.get().spend(1 + (_size(instance) ** 2 >> 6))
        yield from keyword(validator, rule, instance, schema) or ()

    return counted


def _each(keyword: Keyword) -> Keyword:
    """A keyword of the library that hands every element on, also to a schema that says nothing."""

    def counted(validator: Any, rule: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        BUDGET.get().spend(1 + (_size(instance) >> 3))
        yield from keyword(validator, rule, instance, schema) or ()

    return counted


def _test(holds: Callable[[Budget, Any, Any], bool]) -> Keyword:
    def keyword(validator: Any, rule: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        budget = BUDGET.get()
        budget.spend(1)
        if not holds(budget, rule, instance):
            yield ValidationError("broken")

    return keyword


def _pattern(budget: Budget, rule: str, instance: Any) -> bool:
    if not isinstance(instance, str):
        return True
    budget.spend(len(instance) >> 4)
    return pattern(rule).search(instance) is not None


def _multiple_of(budget: Budget, rule: Any, instance: Any) -> bool:
    if type(rule) is bool or type(instance) not in (int, float):
        return True
    if type(rule) is int and type(instance) is int:
        return instance % rule == 0
    return (exact(instance) / exact(rule)).denominator == 1


def exact(number: int | float) -> Fraction:
    """The number as it is written: 19.99 and not the double next to it."""
    return Fraction(number) if type(number) is int else Fraction(Decimal(repr(number)))


def _unique_items(budget: Budget, rule: Any, instance: Any) -> bool:
    if not rule or type(instance) is not list:
        return True
    budget.spend(budget.weigh(instance) >> 2)
    return len(frozenset(map(identity, instance))) == len(instance)


def _equal(budget: Budget, rule: Any, instance: Any) -> bool:
    budget.spend(budget.weigh(rule) + budget.weigh(instance) >> 2)
    return bool(identity(rule) == identity(instance))


_OURS: dict[str, Keyword] = {
    "pattern": _test(_pattern),
    "multipleOf": _test(_multiple_of),
    "divisibleBy": _test(_multiple_of),
    "uniqueItems": _test(_unique_items),
    "enum": _test(lambda budget, rule, instance: budget.one_of(rule, instance)),
    "const": _test(_equal),
}
_NOT_CHECKED = ("format", "patternProperties")


@cache
def counted(dialect: Any) -> Any:
    """The dialect with keywords that pay."""
    keywords = {name: _OURS.get(name) or _counted(keyword) for name, keyword in dialect.VALIDATORS.items()}
    for name in ("unevaluatedItems", "unevaluatedProperties"):
        if name in keywords:
            keywords[name] = _crossing(keywords[name])
    for name in ("items", "contains", "propertyNames", "additionalProperties", "additionalItems"):
        if name in keywords:
            keywords[name] = _each(keywords[name])
    made = extend(dialect, {name: keyword for name, keyword in keywords.items() if name not in _NOT_CHECKED})
    for name in _NOT_CHECKED:
        made.VALIDATORS.pop(name, None)
    made.evolve = _evolve
    made._validate_reference = _follow
    return made


def _evolve(validator: Any, **changes: Any) -> Any:
    """The validator of a subschema: paid for, and of the same dialect whatever its `$schema` says, for another would
    not be counted."""
    BUDGET.get().spend(_ENTER)
    return type(validator)(
        changes.get("schema", validator.schema),
        registry=validator._registry,
        _resolver=changes.get("_resolver", validator._resolver),
    )


def _follow(validator: Any, ref: str, instance: Any) -> Iterator[ValidationError]:
    """The errors of what a reference leads to; looked for once where it always leads to the same."""
    budget = BUDGET.get()
    budget.spend(_FOLLOW)
    known = budget.known.references
    place = (validator._resolver._base_uri, ref)
    found = known.get(place) if known is not None else None
    if found is None:
        found = validator._resolver.lookup(ref)
        if known is not None:
            known[place] = found
    errors: Iterator[ValidationError] = validator.descend(instance, found.contents, resolver=found.resolver)
    return errors
