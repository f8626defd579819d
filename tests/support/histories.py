"""The history of one instance, entry by entry."""

from __future__ import annotations

from typing import Any

from schemas.catalogue import current
from schemas.codec import Codec
from schemas.messages import HISTORY_ENTRY, STEP_RESULT
from schemas.samples import sample

CODEC = Codec.offline()
ID = "ab" * 16
START_MS = 1_790_000_000_000


def entry(seq: int, status: str = "running", **changes: Any) -> dict[str, Any]:
    """An entry whose cause is the result of a step."""
    cause = CODEC.encode(STEP_RESULT, sample(current()[STEP_RESULT]) | {"status": "completed", "error": None})
    example = sample(current()[HISTORY_ENTRY])
    return (
        example | {"instance_id": ID, "seq": seq, "status": status, "cause": cause, "at_ms": START_MS + seq} | changes
    )
