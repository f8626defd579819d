"""What one field of a mapping says: where its value comes from, what becomes of it, what counts where it is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from typing import Any

from connectors.codecs import fields
from connectors.codecs.scalars import CodecError, text
from connectors.mappings.paths import MISSING, Path, put, shown, taken
from schemas.payload import Json

Evaluate = Callable[[Json], Json]
MOST_VALUES = 200_000  # that one mapping may make of one input
ROUNDINGS = {"half-up": ROUND_HALF_UP, "half-even": ROUND_HALF_EVEN}


class MappingError(ValueError):
    """An input that a mapping cannot be made of. The text names places, and quotes nothing."""


@dataclass(slots=True)
class Work:
    """One application: the whole input, and how much may still be made of it."""

    whole: Json
    left: int = MOST_VALUES

    def count(self) -> None:
        """One more value; raises MappingError where it is too much."""
        self.left -= 1
        if self.left < 0:
            raise MappingError(f"it would make more than {MOST_VALUES} values")


@dataclass(frozen=True, slots=True)
class Conversion:
    """What is made of a value; each raises CodecError."""

    kind: str  # text, integer, decimal, number, boolean, date
    read: str = ""  # date: its pattern in the input; empty: ISO 8601
    write: str = ""
    mark: str = "."  # decimal
    places: int | None = None
    rounding: str | None = None
    flags: Mapping[str, bool] = field(default_factory=dict)

    def __call__(self, value: Json) -> Json:
        """The value as it is wanted."""
        return _CONVERT[self.kind](self, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One field of the output."""

    target: tuple[str, ...]
    sources: tuple[tuple[bool, Path], ...] = ()  # the first that is there counts
    value: Json = MISSING
    jq: Evaluate | None = None
    when: Evaluate | None = None
    each: tuple[bool, Path] | None = None
    inner: tuple[Rule, ...] | None = None  # fields of an item, or of an object
    trim: bool = False
    lookup: Mapping[str, Json] | None = None
    otherwise: Json = MISSING  # what is not in the lookup
    convert: Conversion | None = None
    default: Json = MISSING
    optional: bool = False
    wraps: bool = False  # a single value is taken for a list of one

    def apply(self, item: Json, into: dict[str, Any], work: Work) -> None:
        """Puts the field into the output. Raises MappingError that names it."""
        try:
            if self.when is not None and not self.when(item):
                return
            value = self._of(item, work)
        except ValueError as error:
            raise MappingError(f"field {'.'.join(self.target)}: {error}") from None
        if value is not MISSING:
            work.count()
            put(into, self.target, value)

    def _of(self, item: Json, work: Work) -> Any:
        if self.each is not None:
            return self._list(item, work)
        if self.inner is not None:
            return applied(self.inner, item, work)
        value = self._found(item, work)
        if value is MISSING or value is None:
            return self._none(value)
        if self.trim and isinstance(value, str):
            value = value.strip()
        if self.lookup is not None:
            value = self.lookup.get(text(value), self.otherwise)
            if value is MISSING:
                raise CodecError("its value is not in the lookup, and there is no `else`")
            if value is None:
                return None
        return value if self.convert is None else self.convert(value)

    def _found(self, item: Json, work: Work) -> Any:
        if self.jq is not None:
            return self.jq(item)
        if self.value is not MISSING:
            return self.value
        found: Any = MISSING
        for whole, path in self.sources:
            found = taken(work.whole if whole else item, path)
            if found is not MISSING and found is not None and found != "":
                break
        return None if found == "" and self.default is not MISSING else found

    def _none(self, value: Any) -> Any:
        if self.default is not MISSING:
            return self.default
        if self.optional:
            return MISSING
        if value is None and self.convert is None and self.lookup is None:
            return None
        names = " and ".join(shown(path) for _, path in self.sources)
        raise CodecError(f"{names or 'its value'} is missing; give it a `default`, or say `optional: true`")

    def _list(self, item: Json, work: Work) -> Any:
        whole, path = self.each or (False, ())
        found = taken(work.whole if whole else item, path)
        if found is MISSING or found is None:
            return self._none(MISSING) if self.default is not MISSING or self.optional else []
        if not isinstance(found, list):
            if not self.wraps:
                raise CodecError(f"{shown(path)} is no list; say `wrap: true` where one may stand for a list")
            found = [found]
        made = []
        for number, each in enumerate(found):
            work.count()
            try:
                made.append(applied(self.inner, each, work) if self.inner is not None else self._item(each))
            except (CodecError, MappingError) as error:
                raise MappingError(f"item {number}: {error}") from None
        return made

    def _item(self, each: Json) -> Json:
        return each if self.convert is None or each is None else self.convert(each)


def applied(rules: tuple[Rule, ...], item: Json, work: Work) -> dict[str, Any]:
    """The output of some fields. Raises MappingError."""
    into: dict[str, Any] = {}
    for rule in rules:
        rule.apply(item, into, work)
    return into


def _text(conversion: Conversion, value: Json) -> Json:
    return text(value)


def _integer(conversion: Conversion, value: Json) -> Json:
    return fields.whole(text(value).strip())


def _exact(conversion: Conversion, value: Json) -> Decimal:
    found = fields.decimal(value, conversion.mark if isinstance(value, str) else ".")
    if conversion.places is None:
        return found
    unit = Decimal(1).scaleb(-conversion.places)
    if conversion.rounding is None and found != found.quantize(unit, context=fields.EXACT):
        raise CodecError(f"it has more than {conversion.places} digits behind the point, and no `round`")
    return found.quantize(unit, rounding=ROUNDINGS[conversion.rounding or "half-even"], context=fields.EXACT)


def _decimal(conversion: Conversion, value: Json) -> Json:
    return fields.plain(_exact(conversion, value))


def _number(conversion: Conversion, value: Json) -> Json:
    """A number of JSON where it says exactly the same; a text would be needed for what a double cannot hold."""
    found = _exact(conversion, value)
    if found == found.to_integral_value() and abs(found) < 2**53:
        return int(found)
    double = float(found)
    if Decimal(repr(double)) != found:
        raise CodecError("a number of JSON would lose digits of it; make it a decimal, which is a text")
    return double


def _boolean(conversion: Conversion, value: Json) -> Json:
    if isinstance(value, bool):
        return value
    known = conversion.flags.get(text(value))
    if known is None:
        raise CodecError("it is neither true nor false")
    return known


def _date(conversion: Conversion, value: Json) -> Json:
    pattern = conversion.read
    given = text(value)
    found = fields.moment(given, pattern) if pattern else fields.of_iso(given)
    if conversion.write:
        return fields.dated(found, conversion.write)
    return fields.iso(found, pattern) if pattern else given


_CONVERT: Mapping[str, Callable[[Conversion, Json], Json]] = {
    "text": _text,
    "integer": _integer,
    "decimal": _decimal,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
}
KINDS = tuple(_CONVERT)
