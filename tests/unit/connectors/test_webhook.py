"""`webhook.send`: signed as the verifier of hooks wants it, the same id however often, nowhere that nobody named."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from connectors.assembly import standard_hub
from connectors.hub.contract import HubCall
from connectors.hub.identity import Identity, Webhook
from connectors.hub.outcome import CallOutcome
from connectors.hub.pipeline import CallLimits, Hub
from schemas.reasons import Effect, Reason
from streams.gateway.webhooks import InvalidSignatureError, verify
from tests.support import peers

NEW, OLD = b"the new secret of us", b"the old secret of us"
BODY = {"type": "order.shipped", "data": {"order": "A-17", "to": "Grüße"}}
REDIRECT = peers.status(307, "Location: http://127.0.0.1:1/")


@asynccontextmanager
async def hub_on(urls: dict[str, str], way: Webhook | None = None) -> AsyncIterator[Hub]:
    identity = Identity(way or Webhook((NEW, OLD)))
    limits = CallLimits(total_timeout_s=5.0)
    async with standard_hub(urls, limits=limits, identity_of=lambda _: identity) as hub:
        yield hub


async def send(hub: Hub, key: str = "i/1/do/0/tell", function: str = "webhook.send", **more: Any) -> CallOutcome:
    arguments = {"connection": "shop", "body": BODY, **more} if function == "webhook.send" else more
    return await hub.carry_out(HubCall(function=function, arguments=arguments, key=key))


def headers(peer: peers.Peer, index: int = -1) -> dict[str, str]:
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    return {name: peer.header(name, index) or "" for name in names}


async def test_verifier_takes_what_is_sent_under_each_secret_and_no_other() -> None:
    async with peers.peer(peers.status(202)) as peer, hub_on({"shop": peer.url}) as hub:
        outcome = await send(hub)
    assert (outcome.reason, outcome.effect) == (Reason.OK, Effect.DONE)
    for secret in (NEW, OLD):
        delivery = verify([secret], headers(peer), peer.body(), time.time())
        assert outcome.output == {"id": delivery.id, "status": 202}
    with pytest.raises(InvalidSignatureError):
        verify([b"the secret of others"], headers(peer), peer.body(), time.time())
    assert json.loads(peer.body()) == BODY and b"do/0" not in peer.requests[0]


async def test_id_is_that_of_the_step_however_often_it_is_sent() -> None:
    script = (peers.status(503), peers.status(200), peers.status(200))
    async with peers.peer(*script) as peer, hub_on({"shop": peer.url}) as hub:
        assert (await send(hub)).effect is Effect.NONE
        again, other = await send(hub), await send(hub, key="i/2/do/0/tell")
    assert headers(peer, 0)["webhook-id"] == again.output["id"] != other.output["id"]


async def test_delivery_counts_by_its_status_whatever_the_answer_says() -> None:
    answers = (
        peers.status(200, "Content-Type: application/json", body=b"{not json"),
        peers.status(200, "Content-Encoding: br", body=b"???"),
        peers.status(200, body=b"x" * 600_000),
    )
    async with peers.peer(*answers) as peer, hub_on({"shop": peer.url}) as hub:
        outcomes = [await send(hub) for _ in answers]
    assert [(each.reason, each.effect) for each in outcomes] == [(Reason.OK, Effect.DONE)] * 3
    assert [each.output.get("status") for each in outcomes] == [200, None, None]


async def test_redirect_is_not_followed() -> None:
    async with peers.peer(REDIRECT) as peer, hub_on({"shop": peer.url}) as hub:
        outcome = await send(hub)
    assert (outcome.reason, outcome.effect, outcome.status) == (Reason.CONTRACT_DRIFT, Effect.NONE, 307)
    assert peer.count == 1


async def test_lost_answer_is_told_and_may_be_sent_again() -> None:
    async with peers.peer(peers.closes, peers.status(200)) as peer, hub_on({"shop": peer.url}) as hub:
        lost = await send(hub)
        assert (lost.reason, lost.effect) == (Reason.OUTCOME_UNKNOWN, Effect.UNKNOWN)
        assert (await send(hub)).ok


async def test_gone_endpoint_is_told_with_what_is_to_be_done() -> None:
    async with peers.peer(peers.status(410)) as peer, hub_on({"shop": peer.url}) as hub:
        told = await send(hub)
    assert (told.reason, told.effect, told.status) == (Reason.MISCONFIGURED, Effect.NONE, 410)
    assert "connection shop: the endpoint is gone (410)" in told.detail
    assert "exlify systems resume shop" in told.detail


async def test_name_that_leads_inside_is_refused_unless_the_connection_says_so() -> None:
    async with peers.peer(peers.status(200)) as peer:
        inside = {"shop": peer.url.replace("127.0.0.1", "localhost")}
        async with hub_on(inside) as hub:
            outcome = await send(hub)
            assert (outcome.reason, outcome.effect) == (Reason.POLICY_DENIED, Effect.NONE)
            assert "private: true" in outcome.detail and peer.count == 0
        async with hub_on(inside, Webhook((NEW,), private=True)) as hub:
            assert (await send(hub)).ok


async def test_without_a_secret_nothing_is_sent() -> None:
    async with peers.peer(peers.status(200)) as peer, standard_hub({"shop": peer.url}) as hub:
        outcome = await send(hub)
        assert (outcome.reason, peer.count) == (Reason.MISCONFIGURED, 0)
        assert "secret" in outcome.detail


async def test_other_calls_do_not_go_to_it_unsigned() -> None:
    async with peers.peer(peers.status(200)) as peer, hub_on({"shop": peer.url}) as hub:
        outcome = await send(hub, function="http", method="post", endpoint="connection://shop")
        assert (outcome.reason, peer.count) == (Reason.MISCONFIGURED, 0)
        assert "call: webhook.send" in outcome.detail
