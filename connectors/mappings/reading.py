"""From what a file says of a field to its rule; what is wrong is told with its place in the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from connectors.codecs.fields import format_of_pattern
from connectors.codecs.scalars import CodecError
from connectors.mappings.paths import MISSING, PathError, source_path, target_path
from connectors.mappings.rules import KINDS, ROUNDINGS, Conversion, Evaluate, Rule
from schemas.payload import Json

Compile = Callable[[str], Evaluate]
"""Makes a function of an expression in jq; it raises ValueError, as the function does, whose texts quote nothing."""

Place = tuple[str | int, ...]
MAX_LEVELS = 12
SOURCES = ("from", "first", "value", "jq", "each", "fields")
MEMBERS = (
    *SOURCES,
    "when",
    "trim",
    "type",
    "date",
    "decimal",
    "true",
    "false",
    "lookup",
    "else",
    "default",
    "optional",
    "wrap",
)
_FLAGS = {"true": True, "false": False}


class MappingFault(ValueError):
    """What is wrong with a mapping itself: where, and what to do."""

    def __init__(self, place: Place, what: str, remedy: str) -> None:
        super().__init__(f"{'.'.join(map(str, place)) or 'mapping'}: {what}. Remedy: {remedy}.")
        self.place = place
        self.what = what
        self.remedy = remedy


def rules_of(given: Any, place: Place, compile_: Compile) -> tuple[Rule, ...]:
    """The rules of `fields`. Raises MappingFault."""
    if not isinstance(given, dict) or not given:
        _wrong(place, "no fields", "write {Order.Number: .number}")
    if len(place) > 2 * MAX_LEVELS:
        _wrong(place, f"more than {MAX_LEVELS} levels", "write it flatter")
    rules = tuple(_rule(name, each, (*place, name), compile_) for name, each in given.items())
    targets = Counter(rule.target for rule in rules)
    for rule, name in zip(rules, given, strict=True):
        for cut in range(1, len(rule.target)):
            if rule.target[:cut] in targets:
                _wrong((*place, name), "a field above it is filled, too", "map the one or the other")
        if targets[rule.target] > 1:
            _wrong((*place, name), "it stands twice", "keep one of them, with `first` or `when`")
    return rules


def _rule(name: Any, given: Any, place: Place, compile_: Compile) -> Rule:
    try:
        target = target_path(str(name))
    except PathError as error:
        _wrong(place, str(error), "correct it")
    if isinstance(given, str):
        return Rule(target=target, sources=(_path(given, place),))
    if not isinstance(given, dict):
        _wrong(place, "neither a path nor a mapping", "write .order.number, or {value: ...} for a constant")
    for member in given:
        if member not in MEMBERS:
            _wrong((*place, member), f"{str(member)[:70]!r} is no member here", f"write {', '.join(MEMBERS)}")
    said = [each for each in SOURCES if each in given]
    if len(said) != 1 and said != ["each", "fields"]:
        _wrong(place, "it says not once where its value comes from", f"write one of {', '.join(SOURCES)}")
    many = given.get("first", [given["from"]] if "from" in given else [])
    if not isinstance(many, list):
        _wrong((*place, "first"), "no list of paths", "write [.phone, .mobile]")
    return Rule(
        target=target,
        sources=tuple(_path(each, place) for each in many),
        value=given.get("value", MISSING),
        jq=_expression(given, "jq", place, compile_),
        when=_expression(given, "when", place, compile_),
        each=_path(given["each"], (*place, "each")) if "each" in given else None,
        inner=rules_of(given["fields"], (*place, "fields"), compile_) if "fields" in given else None,
        trim=_flag(given, "trim", place),
        lookup=_lookup(given, place),
        otherwise=given.get("else", MISSING),
        convert=_conversion(given, place),
        default=given.get("default", MISSING),
        optional=_flag(given, "optional", place),
        wraps=_flag(given, "wrap", place),
    )


def _path(given: Any, place: Place) -> tuple[bool, tuple[str | int, ...]]:
    if not isinstance(given, str) or given[:1] not in (".", "$"):
        _wrong(place, "no path", "begin with a point: .order.number. For a constant write {value: ...}")
    try:
        return source_path(given)
    except PathError as error:
        _wrong(place, str(error), "correct it")


def _expression(given: Mapping[str, Any], name: str, place: Place, compile_: Compile) -> Evaluate | None:
    if name not in given:
        return None
    source = given[name]
    if not isinstance(source, str):
        _wrong((*place, name), "no expression", "write one in jq, in quotes: '.kind == \"rush\"'")
    try:
        return compile_(source)
    except ValueError as error:
        _wrong((*place, name), f"no expression that can be used: {error}", "correct it")


def _flag(given: Mapping[str, Any], name: str, place: Place) -> bool:
    value = given.get(name, False)
    if not isinstance(value, bool):
        _wrong((*place, name), "neither true nor false", "write true or false")
    return value


def _lookup(given: Mapping[str, Any], place: Place) -> Mapping[str, Json] | None:
    if "lookup" not in given:
        if "else" in given:
            _wrong((*place, "else"), "there is no lookup", "write `default:` for what is missing")
        return None
    table = given["lookup"]
    if not isinstance(table, dict) or not all(isinstance(key, str) for key in table):
        _wrong((*place, "lookup"), "no table", "write {Germany: DE}, with keys in quotes if they look like numbers")
    return table


def _conversion(given: Mapping[str, Any], place: Place) -> Conversion | None:
    said = [each for each in ("type", "date", "decimal") if each in given]
    if not said:
        return None
    if "date" in given:
        return _date(given["date"], (*place, "date"))
    kind = given.get("type", "decimal")
    if kind not in KINDS:
        _wrong((*place, "type"), "no such type", f"write {', '.join(KINDS)}")
    more = given.get("decimal", {})
    if not isinstance(more, dict) or any(name not in ("mark", "places", "round") for name in more):
        _wrong((*place, "decimal"), "not how a decimal is written", 'write {mark: ",", places: 2, round: half-up}')
    mark, places, rounding = more.get("mark", "."), more.get("places"), more.get("round")
    if mark not in (".", ",") or (rounding is not None and rounding not in ROUNDINGS):
        _wrong((*place, "decimal"), "no such mark or way to round", f'mark is "." or ",", round {", ".join(ROUNDINGS)}')
    if places is not None and (type(places) is not int or not 0 <= places <= 18):
        _wrong((*place, "decimal", "places"), "no number of digits", "write a whole number from 0 to 18")
    flags = {str(given[name]): known for name, known in _FLAGS.items() if name in given} or _FLAGS
    return Conversion(kind, mark=mark, places=places, rounding=rounding, flags=flags)


def _date(given: Any, place: Place) -> Conversion:
    if isinstance(given, str):
        given = {"read": given}
    if not isinstance(given, dict) or not given or any(name not in ("read", "write") for name in given):
        _wrong(place, "not how a date is written", "write {read: dd.MM.yyyy, write: yyyyMMdd}")
    for name, pattern in given.items():
        try:
            format_of_pattern(pattern if isinstance(pattern, str) else "?a")
        except CodecError as error:
            _wrong((*place, name), str(error), "write dd.MM.yyyy")
    return Conversion("date", read=given.get("read", ""), write=given.get("write", ""))


def _wrong(place: Place, what: str, remedy: str) -> NoReturn:
    raise MappingFault(place, what, remedy)
