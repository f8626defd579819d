"""Decide in a run without Kafka, which is over soon: nobody waits for a model that cannot be used, the step fails."""

from __future__ import annotations

from streams.processors.context import Context
from streams.processors.decide.processor import Decide


class DecideHere(Decide):
    """As `Decide`, but does not wait."""

    waits = False

    def __init__(self, context: Context, answers: object) -> None:
        """No person answers here."""
        super().__init__(context)
