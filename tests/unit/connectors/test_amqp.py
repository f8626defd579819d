"""`amqp.publish` and `amqp.queue`: what a server has confirmed is done, what it refuses is not, all else is a doubt."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from connectors.amqp.address import server_of
from connectors.assembly import standard_hub
from connectors.hub.contract import HubCall, Refused
from connectors.hub.identity import Tls
from connectors.hub.outcome import CallOutcome
from connectors.hub.pipeline import CallLimits, Hub
from schemas.functions import EffectClass
from schemas.reasons import Effect, Reason
from streams.processors.call.checking import check
from tests.support import peers
from tests.support.queues import PASSWORD, Answer, Queues, queues

ORDER = {"number": "A-17"}
EVENT = {"source": "/exlify/orders", "type": "com.example.order.placed"}
BRIEF = CallLimits(try_timeout_s=0.5, total_timeout_s=2.0)


@pytest.fixture
async def server() -> AsyncIterator[Queues]:
    async with queues() as running:
        yield running


@pytest.fixture
async def hub(server: Queues) -> AsyncIterator[Hub]:
    urls = {
        "partner": server.url,
        "stranger": server.url.replace(PASSWORD, "wrong"),
        "nowhere": f"amqp://127.0.0.1:{peers.unused_port()}",
    }
    async with standard_hub(urls, limits=BRIEF) as opened:
        yield opened


async def publish(hub: Hub, step: str = "k", effect: EffectClass | None = None, **arguments: Any) -> CallOutcome:
    given = {"connection": "partner", "key": "orders", "value": ORDER, **arguments}
    return await hub.carry_out(HubCall(function="amqp.publish", arguments=given, key=step, effect=effect))


async def test_a_message_is_in_its_queue_once_it_is_done(hub: Hub, server: Queues) -> None:
    outcome = await publish(hub, headers={"tenant": "north", "n": 5})
    assert (outcome.reason, outcome.effect) == (Reason.OK, Effect.DONE)
    ((properties, content),) = server.came["orders"]
    assert json.loads(content) == ORDER
    assert (properties.content_type, properties.delivery_mode) == ("application/json", 2)
    assert (properties.message_id, properties.headers) == (outcome.output["id"], {"tenant": "north", "n": "5"})


async def test_an_event_has_the_same_id_however_often_it_is_sent(hub: Hub, server: Queues) -> None:
    for step in ("one", "one", "two"):
        assert (await publish(hub, step, event=EVENT)).ok
    first, second, third = (json.loads(content) for _, content in server.came["orders"])
    assert (first["id"], first["type"], first["data"]) == (second["id"], EVENT["type"], ORDER)
    assert third["id"] != first["id"]
    assert {each.content_type for each, _ in server.came["orders"]} == {"application/cloudevents+json"}


async def test_calls_one_after_the_other_share_a_connection_and_one_that_died_is_replaced(
    hub: Hub, server: Queues
) -> None:
    for _ in range(3):
        assert (await publish(hub)).ok
    assert server.connections == 1
    server.says = Answer.RESET
    assert (await publish(hub)).reason is Reason.OUTCOME_UNKNOWN
    server.says = Answer.ACK
    assert (await publish(hub)).ok
    assert server.connections == 2


@pytest.mark.parametrize("says", [Answer.NACK, Answer.SILENCE, Answer.RESET])
async def test_what_is_not_confirmed_is_a_doubt(hub: Hub, server: Queues, says: Answer) -> None:
    server.says = says
    outcome = await publish(hub)
    assert (outcome.reason, outcome.effect) == (Reason.OUTCOME_UNKNOWN, Effect.UNKNOWN)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"key": "nobody"}, Reason.NOT_FOUND),
        ({"exchange": "missing"}, Reason.NOT_FOUND),
        ({"connection": "stranger"}, Reason.AUTH_EXPIRED),
        ({"connection": "nowhere"}, Reason.UNREACHED),
    ],
)
async def test_what_is_refused_has_not_happened(hub: Hub, server: Queues, given: Any, reason: Reason) -> None:
    outcome = await publish(hub, **given)
    assert (outcome.reason, outcome.effect, server.came["orders"]) == (reason, Effect.NONE, [])
    assert (await publish(hub)).ok


async def test_a_queue_tells_how_much_waits_in_it(hub: Hub) -> None:
    await publish(hub)
    asked = {"connection": "partner", "queue": "orders"}
    outcome = await hub.carry_out(HubCall(function="amqp.queue", arguments=asked, key="k"))
    assert (outcome.effect, outcome.output) == (Effect.NONE, {"messages": 1, "consumers": 0})
    missing = await hub.carry_out(HubCall(function="amqp.queue", arguments={**asked, "queue": "no"}, key="k"))
    assert missing.reason is Reason.NOT_FOUND


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("key", "ü" * 200), ("exchange", "\ud800"), ("value", "x" * 1_000_001), ("value", "\ud800"),
        ("headers", {"a b": "c"}), ("event", {"source": "/a"}), ("event", {**EVENT, "id": "mine"}),
    ],
)  # fmt: skip
async def test_what_no_server_takes_is_refused_by_name(hub: Hub, server: Queues, argument: str, value: Any) -> None:
    outcome = await publish(hub, **{argument: value})
    assert (outcome.reason, outcome.effect, server.connections) == (Reason.INPUT_INVALID, Effect.NONE, 0)
    assert outcome.detail.startswith(f"amqp.publish: {argument}")


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com", "amqp://me:s3cret@mq.example.com", "amqp://mq.example.com", "amqps://mq.example.com?a=b",
        "amqps://me:s3/cret@mq.example.com", "amqps://[::1", "amqps://",
    ],
)  # fmt: skip
def test_a_connection_that_is_no_server_or_not_safe_says_so(url: str) -> None:
    with pytest.raises(Refused) as refused:
        server_of("partner", url, None)
    assert refused.value.outcome.reason is Reason.MISCONFIGURED
    assert "amqps://" in str(refused.value) and "s3" not in str(refused.value)


def test_the_client_is_told_what_the_address_says() -> None:
    made = server_of("partner", "amqps://me:s3%40cret%2F@mq.example.com/sales%2Feu", None)
    assert (made.url.user, made.url.password, made.url.host, made.url.port) == (
        "me",
        "s3@cret/",
        "mq.example.com",
        5671,
    )
    assert (made.vhost, made.url.path[1:].replace("%2F", "/")) == ("sales/eu", "sales/eu")
    assert "s3" not in repr(made)
    assert server_of("partner", "amqps://mq.example.com", Tls("pem", "key")).url.query["auth"] == "external"
    assert server_of("partner", "amqp://127.0.0.1/", None).vhost == "/"


async def test_a_server_is_checked_with_its_credentials(hub: Hub, server: Queues) -> None:
    assert (await check("partner", server.url, hub)).ok
    assert (await check("stranger", server.url, hub)).reason == Reason.AUTH_EXPIRED
    assert (await check("nowhere", "amqp://127.0.0.1:9", hub)).reason == Reason.UNREACHED
