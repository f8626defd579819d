"""A mapping as a whole: its rules, the schemas of both sides, and the tests that stand in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from connectors.mappings.lint import faults_of
from connectors.mappings.reading import Compile, MappingFault, rules_of
from connectors.mappings.rules import MappingError, Rule, Work, applied
from schemas.payload import Json

MEMBERS = ("summary", "from", "to", "fields", "tests")
Schema = Callable[[str], Any]
"""Gives the JSON Schema of a file that a mapping names; raises ValueError that says what is wrong."""


class Test(NamedTuple):
    """An input, and what is to come of it: an output, or an error whose text has these words."""

    name: str
    input: Json
    output: Json
    error: str | None


@dataclass(frozen=True, slots=True)
class Mapping:
    """What makes one value of another. Pure: the same input gives the same output."""

    rules: tuple[Rule, ...]
    tests: tuple[Test, ...]

    def apply(self, value: Json) -> dict[str, Any]:
        """The output for an input; raises MappingError."""
        return applied(self.rules, value, Work(value))

    def failed(self, test: Test) -> str:
        """Why a test of its own fails; empty where it does not."""
        try:
            found = self.apply(test.input)
        except MappingError as error:
            if test.error is None:
                return str(error)
            return "" if test.error in str(error) else f"another error: {error}"
        if test.error is not None:
            return "no error"
        return "" if _same(found, test.output) else f"another output: {_difference(found, test.output, '')}"


def mapping_of(document: Json, compile_: Compile, schema: Schema) -> Mapping:
    """The mapping that a document means, checked against the schemas that it names and by its own tests.

    Raises MappingFault for the first thing that is wrong.
    """
    if not isinstance(document, dict):
        raise MappingFault((), "no mapping", "write `fields:` with a line for each field of the output")
    for member in document:
        if member not in MEMBERS:
            raise MappingFault((member,), f"{str(member)[:70]!r} is no member here", f"write {', '.join(MEMBERS)}")
    rules = rules_of(document.get("fields"), ("fields",), compile_)
    sides = [_schema(document, name, schema) for name in ("from", "to")]
    for fault in faults_of(rules, *sides):
        raise fault
    mapping = Mapping(rules, tuple(_tests(document.get("tests", []))))
    for number, test in enumerate(mapping.tests):
        if why := mapping.failed(test):
            raise MappingFault(("tests", number), f"test {test.name!r} fails: {why}", "correct the test, or the fields")
    return mapping


def _schema(document: dict[str, Any], name: str, schema: Schema) -> Any:
    said = document.get(name)
    if said is None or isinstance(said, dict):
        return said
    try:
        return schema(str(said))
    except ValueError as error:
        raise MappingFault((name,), str(error), "name a file of schemas/, or write the schema here") from None


def _tests(given: Any) -> list[Test]:
    found = []
    for number, each in enumerate(given if isinstance(given, list) else [None]):
        if not isinstance(each, dict) or "input" not in each or not ("output" in each) ^ ("error" in each):
            raise MappingFault(
                ("tests", number), "no test", "write {name: ..., input: ..., output: ...} or {..., error: ...}"
            )
        error = str(each["error"]) if "error" in each else None
        found.append(Test(str(each.get("name", number + 1)), each["input"], each.get("output"), error))
    return found


def _same(one: Json, other: Json) -> bool:
    """Equal, and 1 is not true."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _difference(found: Json, wanted: Json, place: str) -> str:
    """The first place that differs. Both are a test's, so they may be shown."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in [*wanted, *found]:
            if key not in found:
                return f"{place}.{key} is missing"
            if key not in wanted:
                return f"{place}.{key} is too much"
            if not _same(found[key], wanted[key]):
                return _difference(found[key], wanted[key], f"{place}.{key}")
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        for number, pair in enumerate(zip(found, wanted, strict=True)):
            if not _same(*pair):
                return _difference(*pair, f"{place}[{number}]")
    return f"{place or '.'} is {repr(found)[:60]}, not {repr(wanted)[:60]}"
