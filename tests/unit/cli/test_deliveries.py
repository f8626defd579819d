"""`exlify deliveries`, against a gateway over HTTP."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from schemas.messages import HISTORY_ENTRY, REDELIVERY
from schemas.reasons import Reason
from schemas.steps import problem
from streams.ground.errors import UsageError
from streams.ground.settings import Settings
from tests.support import peers
from tests.support.command_line import Cli, beside
from tests.support.gateways import AsyncGateway, Gateway
from tests.support.stories import Story

YAML = """
document: {dsl: 1.0.3, namespace: test, name: told, version: 1.0.0}
do:
  - attempt:
      try:
        - tell: {call: webhook.send, with: {connection: shop, body: {type: order.shipped}}}
      catch: {do: [{go-on: {set: {told: false}}}]}
"""
TELL = "/do/0/attempt/try/0/tell"
AWAY = problem(Reason.UNREACHED, "POST shop: nobody answers", TELL)
SECRET = "whsec_" + base64.b64encode(b"the secret of the shop").decode()
FAILED, DELIVERED = "ab" * 16, "cd" * 16


@dataclass
class Shop:
    gateway: Gateway
    peer: peers.Peer
    cli: Cli


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """A delivery that has failed for good, and one that has not; the endpoint is back."""
    async with peers.peer(*[peers.status(200)] * 3) as peer:
        secret = "{webhook: {secret: '${file:secret}'}}"
        (tmp_path / "secret").write_text(SECRET)
        (tmp_path / "connections.yaml").write_text(f"shop: {{url: '{peer.url}', authentication: {secret}}}\n")
        async with AsyncGateway(Settings(data_dir=tmp_path / "gateway", site_dir=tmp_path)) as gateway:
            for name in (FAILED, DELIVERED):
                story = Story(YAML, name)
                gateway.services.definitions.learn(story.definition)
                told = story.start({})
                told += story.fault(TELL, **AWAY) if name == FAILED else story.result(TELL, {"id": "m", "status": 200})
                for entry in told:
                    gateway.see(HISTORY_ENTRY, entry)
            yield Shop(gateway, peer, beside(gateway, tmp_path, "deliveries"))


async def test_deliveries_are_listed_and_shown_with_their_tries(shop: Shop) -> None:
    told = await shop.cli("list", "--utc")
    assert told.exit_code == 0 and "nobody answers" in told.output
    only = json.loads((await shop.cli("list", "--status", "failed", "--json")).output)["deliveries"]
    assert [each["delivery_id"] for each in only] == [f"{FAILED}/1"]
    one = json.loads((await shop.cli("--json")).output)["deliveries"]
    assert len(one) == 2
    shown = (await shop.cli("show", f"{FAILED[:6]}/1", "--utc")).output
    assert only[0]["message_id"] in shown and "2026-09-21 14:13:22 UTC  failed" in shown
    assert '{"type": "order.shipped"}' in shown


async def test_those_that_have_failed_are_sent_again_and_no_others(shop: Shop) -> None:
    asked = ("--connection", "shop", "--since", "2026-09-01T00:00:00Z", "--why", "they are back", "--as", "kim")
    meant = await shop.cli("redeliver", *asked, "--dry-run", "--json")
    assert [each["delivery_id"] for each in json.loads(meant.output)["deliveries"]] == [f"{FAILED}/1"]
    assert (shop.peer.count, shop.gateway.outbox.records) == (0, [])
    told = await shop.cli("redeliver", *asked)
    assert (told.exit_code, shop.peer.count) == (0, 1) and f"{FAILED}/1  shop  sent again" in told.output
    assert [(name, data["actor"]) for name, data in shop.gateway.outbox.decoded()] == [(REDELIVERY, "kim")] * 2


async def test_one_is_sent_again_though_it_was_delivered(shop: Shop) -> None:
    told = await shop.cli("redeliver", f"{DELIVERED}/1", "--why", "they lost it", "--json")
    assert (told.exit_code, shop.peer.count) == (0, 1)
    assert json.loads(told.output) == {"delivery_id": f"{DELIVERED}/1", "result": "sent again", "detail": None}


@pytest.mark.parametrize(
    "arguments",
    [
        ("redeliver", "--why", "x"),
        ("redeliver", f"{FAILED}/1", "--since", "2026-09-01T00:00:00Z", "--why", "x"),
        ("redeliver", f"{FAILED}/1"),
        ("redeliver", FAILED, "--why", "x"),
        ("redeliver", f"{FAILED}/one", "--why", "x"),
        ("show", "nothing/1"),
        ("list", "--since", "yesterday"),
    ],
)
async def test_what_is_wrong_is_refused_and_nothing_is_sent(shop: Shop, arguments: tuple[str, ...]) -> None:
    told = await shop.cli(*arguments)
    assert isinstance(told.exception, UsageError) and str(told.exception)
    assert (shop.peer.count, shop.gateway.outbox.records) == (0, [])
