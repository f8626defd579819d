"""A topic that is followed: what is not meant is passed over, and where nothing else is there the start is refused."""

from __future__ import annotations

import pytest

from schemas.codec import Codec
from schemas.messages import TIMER_FIRED, WORKFLOW_DEFINITION
from streams.definitions import DEFINITIONS
from streams.ground.errors import ConfigurationError
from streams.ground.settings import Settings
from streams.ground.topic_feed import TopicFeed
from tests.support.definitions import load

CODEC = Codec.offline()
STRANGE = CODEC.encode(TIMER_FIRED, {"instance_id": "ab" * 16, "due_ms": 1})
YAML = "document: {dsl: 1.0.3, namespace: t, name: w, version: 1.0.0}\ndo: [{a: {set: {x: 1}}}]\n"


class Read(TopicFeed):
    """A feed of which the topic has been read already."""

    async def read(self, *values: bytes) -> None:
        for value in values:
            await self._learn(value)

    async def catch_up(self) -> None:
        pass


def feed(learnt: list[object]) -> Read:
    settings = Settings(bootstrap="127.0.0.1:1", registry_url="http://127.0.0.1:1")
    made = Read(settings, CODEC, DEFINITIONS, WORKFLOW_DEFINITION, learnt.append)
    made._learner = True  # type: ignore[assignment]  # nothing is to be started
    return made


def definition() -> bytes:
    graph = load(YAML)
    known = {name: getattr(graph, name) for name in ("digest", "name", "version", "namespace")}
    rest = {"yaml": YAML, "event_types": [], "deployed_at_ms": 0, "deployed_by": "test"}
    return CODEC.encode(WORKFLOW_DEFINITION, known | rest)


async def test_topic_of_which_everything_is_something_else_refuses_the_start() -> None:
    learnt: list[object] = []
    read = feed(learnt)
    await read.read(STRANGE, STRANGE)
    with pytest.raises(ConfigurationError, match=r"^2 messages, all that .* holds, cannot be read"):
        await read.start()
    assert learnt == []


@pytest.mark.parametrize("order", [0, 1])
async def test_strange_message_beside_what_is_meant_is_passed_over(order: int) -> None:
    learnt: list[object] = []
    read = feed(learnt)
    await read.read(*[[STRANGE, definition()], [definition(), STRANGE]][order])
    await read.start()
    assert len(learnt) == 1
