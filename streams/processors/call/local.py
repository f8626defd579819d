"""Call for a run without Kafka: where nobody can pause a system, nobody waits to hear of it."""

from __future__ import annotations

from streams.processors.call.connections import Addresses
from streams.processors.call.processor import Call, hub_for
from streams.processors.context import Context
from streams.processors.human.local import Answers


class Unpaused(Call):
    """As in the cluster, but for pauses."""

    def __init__(self, context: Context, answers: Answers) -> None:
        """Needs nothing of the answers."""
        super().__init__(context, hub_for(context.settings, Addresses(context.settings, context.site)))
