"""Business data as tests write it: JSON values to payloads."""

from __future__ import annotations

import orjson

from schemas.payload import Json, Payload


def payload(value: Json) -> Payload:
    """A value as it travels in a message."""
    return Payload.inside(orjson.dumps(value))
