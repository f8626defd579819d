"""Decodes messages where waiting is allowed: an id that is not known yet is looked up."""

from __future__ import annotations

from typing import Any

from schemas.codec import Codec, UnknownSchemaId


async def decoded(codec: Codec, value: bytes) -> tuple[str, dict[str, Any]]:
    """Full record name and data of a framed value; raises UndecodableRecord where it cannot be read."""
    try:
        return codec.decode(value)
    except UnknownSchemaId as unknown:
        await codec.learn(unknown.schema_id)
        return codec.decode(value)
