"""Schemas by which few bytes, or one value, could end a process: each is refused, and found to be so at once."""

from __future__ import annotations

from typing import Any

import fastavro
import pytest

from schemas.avroweight import MOST_CHOICES, MOST_LEVELS, MOST_NOTHINGS, burden, harm
from schemas.catalogue import current
from schemas.released import released_writers


def record(name: str, *types: Any) -> dict[str, Any]:
    fields = [{"name": f"f{number}", "type": type_} for number, type_ in enumerate(types)]
    return {"type": "record", "name": name, "fields": fields}


def parsed(schema: Any) -> Any:
    return fastavro.parse_schema(schema)


def doubled(leaf: Any, times: int) -> dict[str, Any]:
    """A record in which there are two of the one before, and so on."""
    found = record("R0", leaf)
    for number in range(1, times):
        found = record(f"R{number}", found, f"R{number - 1}")
    return found


def chosen(times: int) -> dict[str, Any]:
    """A record that is one of two, in each of which there is one that is one of two, and so on."""
    found: list[Any] = [record("A0", "int"), record("B0", "int")]
    for number in range(1, times):
        again = [f"A{number - 1}", f"B{number - 1}"]
        found = [record(f"A{number}", found), record(f"B{number}", again)]
    return record("Top", found)


def nested(times: int) -> Any:
    found: Any = "string"
    for _ in range(times):
        found = {"type": "array", "items": found}
    return record("Top", found)


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        (doubled({"type": "fixed", "name": "F", "size": 0}, 60), "no bytes"),
        (
            record("Top", {"type": "array", "items": record("I", "boolean", *["null"] * 20)}),
            "no bytes",
        ),
        (record("Top", *[["null", record(f"N{n}", *["null"] * 20)] for n in range(2)]), "no bytes"),
        (nested(MOST_LEVELS + 1), f"deeper than {MOST_LEVELS} levels"),
        (nested(400), f"deeper than {MOST_LEVELS} levels"),
        (record("Top", {"type": "bytes", "logicalType": "decimal", "precision": 10**9, "scale": 10**9}), "digits"),
        (record("Top", {"type": "bytes", "logicalType": "decimal"}), "without a precision"),
    ],
)
def test_bytes_that_could_do_harm_are_not_read(schema: Any, why: str) -> None:
    assert why in (harm(parsed(schema)) or "")


@pytest.mark.parametrize(
    "schema",
    [
        doubled("int", 60),
        chosen(60),
        nested(MOST_LEVELS - 2),
        record("Top", ["null", record("Nothing")], *["null"] * (MOST_NOTHINGS - 1)),
        record("Top", {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 9}),
        record("Top", *["string"] * 5_000),
    ],
)
def test_bytes_of_usual_schemas_are_read(schema: Any) -> None:
    assert harm(parsed(schema)) is None


def test_values_that_would_be_tried_without_end_are_not_written() -> None:
    assert "written out wherever it is named" in (burden(parsed(doubled("int", 60))) or "")
    assert "ways to read one value" in (burden(parsed(chosen(11))) or "")
    assert burden(parsed(chosen(9))) is None
    assert burden(parsed(record("Top", [record(f"N{n}", "int") for n in range(MOST_CHOICES)]))) is None
    assert burden(parsed(record("Top", *["string"] * 5_000))) is None


def test_all_of_ours_may_be_read_and_written() -> None:
    for schema in (*current().values(), *released_writers().values()):
        assert (harm(schema), burden(schema)) == (None, None), schema["name"]
