"""The score as it stands on the record of a decision, for who writes and who shows it: without loading a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NO_SCORE = -1.0  # on record, where the model was not asked or gave no number; `held` says why


def score_of(record: Mapping[str, Any]) -> float | None:
    """The score on a record; None where there is none."""
    return None if record["score"] == NO_SCORE and record["held"] else record["score"]
