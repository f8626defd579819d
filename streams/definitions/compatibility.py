"""Whether what was written with one Avro schema can be read with another, as the `avro` library has it."""

from __future__ import annotations

from schemas.catalogue import Schema, text

MOST_TOLD = 3


def unreadable(reader: Schema, writer: Schema) -> str | None:
    """Why values of the one can't be read with the other, with the places; None where they can."""
    from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
    from avro.schema import parse

    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]  # as the library has it
    found = checker.get_compatibility(parse(text(reader)), parse(text(writer)))
    if found.compatibility is SchemaCompatibilityType.compatible:
        return None
    said = sorted(zip(found.locations, found.messages, strict=False))
    return "; ".join(f"{place or '/'}: {message}" for place, message in said[:MOST_TOLD]) or "the types differ"
