"""History entries of the read model, decoded for an account."""

from __future__ import annotations

from schemas.codec import Codec, UndecodableRecord
from streams.console.account import Entry


async def entry(codec: Codec, message: bytes) -> Entry:
    """One entry with the record that caused it; without that where it cannot be decoded."""
    _, found = await codec.decode_learning(message)
    try:
        cause, caused_by = await codec.decode_learning(found["cause"])
    except UndecodableRecord:
        cause, caused_by = "", {}
    known = {name: found[name] for name in ("seq", "at_ms", "status", "transitions")}
    return Entry(**known, cause=cause, caused_by=caused_by)
