"""What the headers of a message say, as texts; attributes of CloudEvents have the names that all inlets give them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from schemas.cloudevents import CONTENT_TYPE_HEADER, HEADER_PREFIX
from schemas.times import rfc3339

# As the binding for AMQP has it, in both of its spellings, and as senders write who know that of Kafka or HTTP.
_PREFIXES = ("cloudevents:", "cloudevents_", HEADER_PREFIX, "ce-")


def headers_of(given: Mapping[str, object], content_type: str) -> dict[str, str]:
    """Those of a message whose values are texts, or can be written as CloudEvents writes them."""
    found = {CONTENT_TYPE_HEADER: content_type} if content_type else {}
    for name, value in given.items():
        if (text := _text(value)) is not None:
            found[_named(str(name).lower())] = text
    return found


def _named(name: str) -> str:
    prefix = next((each for each in _PREFIXES if name.startswith(each)), None)
    return name if prefix is None else HEADER_PREFIX + name.removeprefix(prefix)


def _text(value: object) -> str | None:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case bytes() | bytearray():
            return bytes(value).decode("utf-8", "replace")
        case datetime():
            known = value if value.tzinfo else value.replace(tzinfo=UTC)
            return rfc3339(int(known.timestamp() * 1_000))
    return None
