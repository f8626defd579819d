"""Whether a workflow may start instances: the last word of people about it, on the topic of definitions.

A paused workflow starts nothing and its events wait (`processors.hold`); of a retired one they are counted, no more.
Instances that run are not touched by either.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from schemas.codec import Codec
from schemas.messages import WORKFLOW_STATE
from streams.definitions import DEFINITIONS
from streams.ground.publish import Outgoing, Publishing


class State(StrEnum):
    """What becomes of the events that would start a workflow."""

    ACTIVE = "active"
    PAUSED = "paused"
    RETIRED = "retired"


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """The last word about one workflow."""

    name: str
    state: State
    why: str
    actor: str
    at_ms: int


async def say(publisher: Publishing, codec: Codec, word: Word) -> None:
    """Publishes a word; from its acknowledgement on, everybody goes by it within a second or so."""
    value = codec.encode(WORKFLOW_STATE, msgspec.structs.asdict(word))
    await publisher.publish([Outgoing(DEFINITIONS, word.name.encode(), value)])
