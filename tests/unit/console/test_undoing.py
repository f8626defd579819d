"""Giving up at the console: what will be undone stands beside the button, and the story tells what was."""

from __future__ import annotations

import pytest

from schemas.messages import CANCEL_INSTANCE, HISTORY_ENTRY
from tests.support.consoles import Console
from tests.support.stories import Story

POST = "call: http, with: {method: post, endpoint: 'http://127.0.0.1:1/a'}"
TOLD = f"""
document: {{dsl: 1.0.3, namespace: test, name: told, version: 1.0.0}}
do:
  - bookRoom: {{{POST}, metadata: {{compensate: {{{POST}}}}}}}
  - sendKey: {{{POST}, metadata: {{compensate: {{{POST}}}}}}}
  - ask: {{call: human, with: {{team: desk, title: Fine, outcomes: [yes]}}}}
"""
UNDO = "/metadata/compensate"


@pytest.fixture
def told(console: Console) -> Story:
    """Two steps are done, and a person is asked."""
    story = Story(TOLD)
    console.gateway.services.definitions.learn(story.definition)
    for entry in (*story.start({}), *story.result("/do/0/bookRoom"), *story.result("/do/1/sendKey")):
        console.gateway.see(HISTORY_ENTRY, entry)
    return story


@pytest.mark.parametrize(("fields", "undo"), [({}, True), ({"undo": "no"}, False)])
async def test_page_says_what_will_be_undone_before_it_is_cancelled(
    console: Console, told: Story, fields: dict[str, str], undo: bool
) -> None:
    _, page = await console.get(f"/instances/{told.instance_id}?ask=cancel")
    assert "these are undone, in this order: <b>Send key, Book room</b>" in page
    status, _, _ = await console.send(f"/instances/{told.instance_id}/cancel", page, {"reason": "no guest", **fields})
    ((name, said),) = console.gateway.outbox.decoded()
    assert (status, name, said["undo"]) == (303, CANCEL_INSTANCE, undo)


async def test_story_tells_that_it_undoes_and_what_was_undone(console: Console, told: Story) -> None:
    for entry in told.cancel("no guest", "ann"):
        console.gateway.see(HISTORY_ENTRY, entry)
    _, page = await console.get(f"/instances/{told.instance_id}")
    assert "Takes back what it has done, and ends then." in page and 'class="status undoing"' in page
    for place in ("/do/1/sendKey", "/do/0/bookRoom"):
        for entry in told.result(place + UNDO):
            console.gateway.see(HISTORY_ENTRY, entry)
    _, page = await console.get(f"/instances/{told.instance_id}")
    assert "Was cancelled by ann: no guest. “Book room”, “Send key” were undone." in page


async def test_where_nothing_is_undone_the_page_says_that_it_stays(console: Console) -> None:
    story = Story(TOLD.replace(f", metadata: {{compensate: {{{POST}}}}}", ""))
    console.gateway.services.definitions.learn(story.definition)
    for entry in (*story.start({}), *story.result("/do/0/bookRoom")):
        console.gateway.see(HISTORY_ENTRY, entry)
    _, page = await console.get(f"/instances/{story.instance_id}?ask=cancel")
    assert "stays done" in page and 'name="undo"' not in page
