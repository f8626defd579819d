"""Orchestrate for a run without Kafka: nobody is there to mend anything, so what nobody catches ends the instance."""

from __future__ import annotations

from streams.processors.context import Context
from streams.processors.human.local import Answers
from streams.processors.orchestrate.processor import Orchestrate


class Unattended(Orchestrate):
    """As in the cluster, but for incidents."""

    attended = False

    def __init__(self, context: Context, answers: Answers) -> None:
        """Needs nothing of the answers."""
        super().__init__(context)
