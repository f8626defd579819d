"""`call: http` against real peers: what is sent, how often, and what is said about its effect."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest

from connectors.assembly import standard_hub
from connectors.http import DECLARATION
from connectors.http.connector import HttpConnector
from connectors.hub.connections import Connections
from connectors.hub.contract import HubCall
from connectors.hub.outcome import CallOutcome
from connectors.hub.pipeline import Hub
from connectors.hub.policy import Policy
from schemas.functions import EffectClass
from schemas.reasons import Effect, Reason
from tests.support import peers
from tests.support.hubs import CALM

KEY = "0" * 32 + "/do/0/open/0/0"
BREAKS = [peers.resets, peers.closes, peers.resets_after_headers]


async def send(hub: Hub, url: str, method: str = "GET", effect: EffectClass | None = None, **more: Any) -> CallOutcome:
    arguments = {"method": method, "endpoint": url, **more}
    return await hub.carry_out(HubCall(function="http", arguments=arguments, key=KEY, effect=effect))


async def test_json_answer_becomes_the_output(hub: Hub) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        outcome = await send(hub, peer.url)
    assert outcome.ok and outcome.output == {"ok": True}
    assert outcome.effect is Effect.NONE


@pytest.mark.parametrize("broken", BREAKS)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_blind_request_is_never_sent_twice(hub: Hub, broken: peers.Act, method: str) -> None:
    async with peers.peer(broken) as peer:
        outcome = await send(hub, peer.url, method, body={"a": 1})
        assert peer.count == 1
    assert outcome.reason is Reason.OUTCOME_UNKNOWN
    assert outcome.effect is Effect.UNKNOWN


@pytest.mark.parametrize("broken", BREAKS)
@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST"])
async def test_one_try_is_one_request_on_the_wire(broken: peers.Act, method: str) -> None:
    async with standard_hub({}, limits=CALM) as hub, peers.peer(broken) as peer:
        outcome = await send(hub, peer.url, method, EffectClass.KEYED)
        assert peer.count == 1
    assert outcome.effect is Effect.UNKNOWN


async def test_reading_is_not_repeated_below_the_pipeline() -> None:
    async with standard_hub({}, limits=CALM) as hub, peers.peer(peers.resets) as peer:
        outcome = await send(hub, peer.url)
        assert peer.count == 1
    assert (outcome.reason, outcome.effect) == (Reason.UNREACHED, Effect.NONE)


async def test_effectful_request_carries_its_key(hub: Hub) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        outcome = await send(hub, peer.url, "POST", EffectClass.KEYED, body={"a": 1})
        assert (peer.header("Idempotency-Key"), peer.body(0)) == (KEY, b'{"a":1}')
    assert outcome.ok and outcome.effect is Effect.DONE


async def test_reading_request_carries_no_key(hub: Hub) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        await send(hub, peer.url)
        assert peer.header("Idempotency-Key") is None


@pytest.mark.parametrize("effect", [EffectClass.BLIND, EffectClass.PROBED])
async def test_what_cannot_be_made_again_uses_a_fresh_connection_each(hub: Hub, effect: EffectClass) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        await send(hub, peer.url)
        await send(hub, peer.url, "POST", effect)
        await send(hub, peer.url, "POST", effect)
        assert peer.connections == 3


@pytest.mark.parametrize("effect", [EffectClass.READ, EffectClass.IDEMPOTENT, EffectClass.KEYED])
async def test_what_may_be_made_again_shares_a_connection(hub: Hub, effect: EffectClass) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        await send(hub, peer.url, "POST", effect)
        await send(hub, peer.url, "POST", effect)
        assert peer.connections == 1


@pytest.mark.parametrize("broken", [peers.resets, peers.closes])
@pytest.mark.parametrize(("method", "effect"), [("GET", None), ("PUT", None), ("POST", EffectClass.KEYED)])
async def test_kept_connection_that_closes_after_reading_costs_a_try_and_no_more(
    hub: Hub, broken: peers.Act, method: str, effect: EffectClass | None
) -> None:
    async with peers.peer(peers.answers(peers.OK), broken, peers.answers(peers.OK)) as peer:
        outcomes = [await send(hub, peer.url, method, effect) for _ in range(3)]
        assert (peer.count, peer.connections) == (3, 2)
    assert [each.ok for each in outcomes] == [True, False, True]


async def test_kept_connection_that_breaks_is_not_followed_by_another() -> None:
    """All that were kept may be broken: tries are not wasted on them."""
    together = 8
    script = [*[peers.answers(peers.OK)] * together, peers.closes, peers.answers(peers.OK)]
    async with standard_hub({}) as hub, peers.peer(*script) as peer:
        first = await asyncio.gather(*(send(hub, peer.url, "PUT") for _ in range(together)))
        kept = peer.connections
        broken, outcome = await send(hub, peer.url, "PUT"), await send(hub, peer.url, "PUT")
        assert peer.connections == kept + 1
    assert all(each.ok for each in first)
    assert broken.outdated and outcome.ok


async def test_one_try_on_a_kept_connection_is_one_request_on_the_wire() -> None:
    async with standard_hub({}, limits=CALM) as hub, peers.peer(peers.answers(peers.OK), peers.closes) as peer:
        await send(hub, peer.url, "PUT")
        outcome = await send(hub, peer.url, "PUT")
        assert (peer.count, peer.connections) == (2, 1)
    assert (outcome.reason, outcome.effect) == (Reason.OUTCOME_UNKNOWN, Effect.UNKNOWN)


async def test_silence_leaves_a_blind_effect_in_doubt(quick: Hub) -> None:
    async with peers.peer(peers.never_answers) as peer:
        outcome = await send(quick, peer.url, "POST")
        assert peer.count == 1
    assert (outcome.reason, outcome.effect, outcome.status) == (Reason.OUTCOME_UNKNOWN, Effect.UNKNOWN, 408)


@pytest.mark.parametrize("act", [peers.never_answers, peers.trickles])
async def test_slow_answer_times_out_without_effect(quick: Hub, act: peers.Act) -> None:
    async with peers.peer(act) as peer:
        outcome = await send(quick, peer.url)
        assert peer.count == 1
    assert (outcome.reason, outcome.effect) == (Reason.TIMED_OUT, Effect.NONE)


async def test_refused_connection_has_no_effect(hub: Hub) -> None:
    outcome = await send(hub, f"http://127.0.0.1:{peers.unused_port()}", "POST")
    assert (outcome.reason, outcome.effect) == (Reason.UNREACHED, Effect.NONE)


async def test_unknown_name_has_no_effect(hub: Hub) -> None:
    outcome = await send(hub, "http://no-such-host.invalid", "POST")
    assert (outcome.reason, outcome.effect) == (Reason.UNREACHED, Effect.NONE)


async def test_failed_tls_has_no_effect(hub: Hub) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        outcome = await send(hub, peer.url.replace("http:", "https:"), "POST")
    assert (outcome.reason, outcome.effect) == (Reason.UNREACHED, Effect.NONE)


async def test_wait_that_is_asked_for_is_reported(hub: Hub) -> None:
    async with peers.peer(peers.status(503, "Retry-After: 3600")) as peer:
        outcome = await send(hub, peer.url)
        assert peer.count == 1
    assert (outcome.reason, outcome.retry_after_ms) == (Reason.RATE_LIMITED, 3_600_000)


async def test_server_error_leaves_a_blind_effect_in_doubt(hub: Hub) -> None:
    async with peers.peer(peers.status(500)) as peer:
        outcome = await send(hub, peer.url, "POST")
        assert peer.count == 1
    assert (outcome.reason, outcome.effect, outcome.status) == (Reason.REMOTE_FAULT, Effect.UNKNOWN, 500)


async def test_garbage_in_the_answer_is_contract_drift(hub: Hub) -> None:
    garbage = peers.status(200, "Content-Type: application/json", body=b"<html>")
    async with peers.peer(garbage) as peer:
        outcome = await send(hub, peer.url, "POST")
        assert peer.count == 1
    assert (outcome.reason, outcome.effect) == (Reason.CONTRACT_DRIFT, Effect.DONE)


async def test_answer_that_is_not_http_is_doubtful(hub: Hub) -> None:
    async with peers.peer(peers.answers(b"220 smtp ready\r\n\r\n")) as peer:
        outcome = await send(hub, peer.url, "POST")
        assert peer.count == 1
    assert (outcome.reason, outcome.effect) == (Reason.OUTCOME_UNKNOWN, Effect.UNKNOWN)


async def test_answer_beyond_the_bound_is_not_read() -> None:
    connector = HttpConnector(Connections({}), Policy(), max_response_bytes=10)
    async with Hub({DECLARATION: connector}, limits=CALM) as hub, peers.peer(peers.answers(peers.OK)) as peer:
        outcome = await send(hub, peer.url, "POST")
        assert peer.count == 1
    assert (outcome.reason, outcome.effect) == (Reason.REPLY_TOO_LARGE, Effect.DONE)


async def test_compressed_bomb_is_not_unpacked(hub: Hub) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    async with peers.peer(peers.status(200, "Content-Encoding: gzip", body=bomb)) as peer:
        outcome = await send(hub, peer.url)
    assert outcome.reason is Reason.REPLY_TOO_LARGE


async def test_redirect_is_an_error_unless_accepted(hub: Hub) -> None:
    async with peers.peer(peers.status(301, "Location: /elsewhere")) as peer:
        refused = await send(hub, peer.url)
        accepted = await send(hub, peer.url, redirect=True, output="response")
        assert peer.count == 2
    assert refused.status == 301 and not refused.ok
    assert accepted.output["statusCode"] == 301
    assert accepted.output["headers"]["location"] == "/elsewhere"


async def test_response_output_shows_no_credentials(hub: Hub) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        endpoint = {"uri": peer.url, "authentication": {"bearer": {"token": "s3cret"}}}
        outcome = await send(hub, endpoint, output="response")  # type: ignore[arg-type]
        assert peer.header("Authorization") == "Bearer s3cret"
    assert "s3cret" not in json.dumps(outcome.output)
    assert outcome.output["content"] == {"ok": True}


async def test_raw_output_is_base64(hub: Hub) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        outcome = await send(hub, peer.url, output="raw")
    assert outcome.output == "eyJvayI6dHJ1ZX0="


async def test_xml_goes_out_and_comes_back(hub: Hub) -> None:
    reply = peers.status(200, "Content-Type: text/xml", body=b"<r><n>1</n><n>2</n></r>")
    async with peers.peer(reply) as peer:
        headers = {"content-type": "application/xml"}
        outcome = await send(hub, peer.url, "POST", headers=headers, body={"a": {"@k": 1, "b": True}})
        assert peer.body().endswith(b'<a k="1"><b>true</b></a>')
    assert outcome.output == {"r": {"n": ["1", "2"]}}


async def test_cookies_do_not_pass_between_calls(hub: Hub) -> None:
    async with peers.peer(peers.status(204, "Set-Cookie: session=1")) as peer:
        await send(hub, peer.url)
        await send(hub, peer.url)
        assert peer.header("Cookie") is None


async def test_forbidden_address_is_never_connected_to() -> None:
    async with standard_hub({}, allow_private=False, limits=CALM) as hub, peers.peer(peers.answers(peers.OK)) as peer:
        literal = await send(hub, peer.url, "POST")
        by_name = await send(hub, peer.url.replace("127.0.0.1", "localhost"), "POST")
        in_disguise = await send(hub, peer.url.replace("127.0.0.1", "0x7f.1"), "POST")
        assert peer.connections == 0
    assert {each.reason for each in (literal, by_name, in_disguise)} == {Reason.POLICY_DENIED}


async def test_named_connection_is_trusted_and_brings_credentials() -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        url = peer.url.replace("http://", "http://user:pw@") + "/base"
        async with standard_hub({"core-bank": url}, allow_private=False, limits=CALM) as hub:
            outcome = await send(hub, "connection://core_bank/accounts?x=1")
        assert peer.requests[0].startswith(b"GET /base/accounts?x=1 ")
        assert peer.header("Authorization") == "Basic dXNlcjpwdw=="
    assert outcome.ok


async def test_texts_name_neither_path_nor_query(hub: Hub) -> None:
    async with peers.peer(peers.status(404)) as peer:
        outcome = await send(hub, peer.url + "/people/jane.doe?mail=jane@example.com")
    assert "jane" not in outcome.detail + json.dumps(dict(outcome.evidence))


async def test_many_calls_at_once_all_succeed(hub: Hub) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        outcomes = await asyncio.gather(*(send(hub, peer.url, "POST") for _ in range(50)))
        assert peer.count == 50
    assert all(outcome.ok for outcome in outcomes)
