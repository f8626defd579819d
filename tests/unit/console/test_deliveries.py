"""Webhooks that went out, on their page: what each is waiting for, and sent once more."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from schemas.messages import HISTORY_ENTRY, REDELIVERY
from schemas.reasons import Reason
from schemas.steps import problem
from streams.ground.settings import Settings
from tests.support import peers
from tests.support.consoles import Console
from tests.support.stories import Story

TELLS = """
document: {dsl: 1.0.3, namespace: test, name: told, version: 1.0.0}
do:
  - attempt:
      try:
        - tell: {call: webhook.send, with: {connection: shop, body: {type: order.shipped}}}
      catch: {do: [{go-on: {set: {told: false}}}]}
"""
TELL = "/do/0/attempt/try/0/tell"
SECRET = "whsec_" + base64.b64encode(b"the secret of the shop").decode()


@pytest.fixture
async def peer() -> AsyncIterator[peers.Peer]:
    async with peers.peer(peers.status(200), peers.status(200)) as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path, peer: peers.Peer) -> Settings:
    secret = "{webhook: {secret: '${file:secret}'}}"
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "connections.yaml").write_text(f"shop: {{url: '{peer.url}', authentication: {secret}}}\n")
    return Settings(data_dir=tmp_path / "data", site_dir=tmp_path, partitions=3)


@pytest.fixture
def told(console: Console) -> Story:
    """It has failed for good, and its instance has gone on."""
    story = Story(TELLS)
    console.gateway.services.definitions.learn(story.definition)
    away = problem(Reason.UNREACHED, "POST shop: nobody answers", TELL)
    for entry in (*story.start({}), *story.fault(TELL, **away)):
        console.gateway.see(HISTORY_ENTRY, entry)
    return story


async def test_webhook_that_has_failed_is_told_and_sent_once_more(
    console: Console, told: Story, peer: peers.Peer
) -> None:
    _, page = await console.get("/deliveries?status=failed")
    assert "nobody answers" in page and ">Send again<" in page
    path = f"/deliveries/{told.instance_id}/1"
    led = f"/deliveries?instance_id={told.instance_id}"
    assert (await console.send(path, page, {"why": "they are back"}))[:2] == (303, led)
    assert peer.count == 1
    for name, data in console.gateway.outbox.decoded():
        if name == REDELIVERY:
            console.gateway.see(name, data)
    (delivery,) = (await console.data(led))["deliveries"]
    assert (delivery["status"], delivery["tries"]) == ("delivered", 2)
    assert (await console.data(f"/deliveries?instance_id={'0' * 32}"))["deliveries"] == []
    _, page = await console.get(f"/instances/{told.instance_id}")
    assert "<b>sent a webhook</b>" in page and "they are back" in page
    (deed,) = (await console.data("/audit?of=webhooks"))["deeds"]
    assert (deed["did"], deed["what"], deed["why"]) == ("sent once more", "a webhook to shop", "they are back")


async def test_what_cannot_be_sent_says_why_and_leaves_the_endpoint_alone(
    console: Console, told: Story, peer: peers.Peer
) -> None:
    _, page = await console.get("/deliveries")
    assert (await console.send(f"/deliveries/{told.instance_id}/1", page, {"why": " "}))[0] == 422
    assert (await console.send(f"/deliveries/{told.instance_id}/2", page, {"why": "x"}))[0] == 404
    assert (peer.count, console.gateway.outbox.records) == (0, [])


async def test_list_that_is_narrowed_to_nothing_says_so(console: Console, told: Story) -> None:
    assert "No webhook is like that" in (await console.get("/deliveries?connection=other"))[1]
    assert len((await console.data("/deliveries?status=nonsense&instance_id=%00"))["deliveries"]) == 1
