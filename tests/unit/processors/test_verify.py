"""History is what the engine makes of the inbox, whatever people have done to the instance in between."""

from __future__ import annotations

import pytest

from schemas.messages import CONTROL_INSTANCE, HISTORY_ENTRY
from streams.processors.orchestrate import retrace
from streams.processors.orchestrate.verify import Finding, verified
from tests.support.clocked import Clocked
from tests.support.stories import CODEC

YAML = """
document: {dsl: 1.0.3, namespace: test, name: told, version: 1.0.0}
do:
  - fetch: {call: http, with: {method: get, endpoint: 'http://127.0.0.1:1/a'}}
"""
NEXT = YAML.replace("1.0.0", "1.1.0") + "  - rest: {set: {done: true}}\n"
MOVED = NEXT.replace("1.1.0", "1.2.0").replace("do:\n", "do:\n  - first: {set: {n: 1}}\n")


async def found(story: Clocked) -> Finding | None:
    entries = await retrace.decoded(CODEC, [CODEC.encode(HISTORY_ENTRY, each) for each in story.entries])
    assert entries is not None
    return verified(CODEC, story.book.graph, entries)


def control(story: Clocked, action: str, **fields: object) -> None:
    wish = {"control_id": action, "action": action, "why": "because", "actor": "kim"}
    assert story._take(CONTROL_INSTANCE, wish | fields)


@pytest.mark.parametrize(("yaml", "places"), [(NEXT, {}), (MOVED, {"/do/0/fetch": "/do/1/fetch"})])
async def test_instance_that_went_on_with_another_definition_is_as_it_was_told(
    yaml: str, places: dict[str, str]
) -> None:
    story = Clocked(YAML)
    story.at(0).start({})
    graph = story.learn(yaml)
    control(story.at(5), "move", digest=graph.digest, places=places)
    control(story.at(6), "move", digest=graph.digest)  # refused or not: it is there already
    story.at(10).result("/do/0/fetch", {})
    assert story.entries[-1]["version"] == graph.version
    assert await found(story) is None


async def test_instance_that_stood_still_is_as_it_was_told() -> None:
    story = Clocked(YAML)
    story.at(0).start({})
    control(story.at(5), "suspend")
    story.at(10).result("/do/0/fetch", {})
    control(story.at(60), "resume")
    assert await found(story) is None
