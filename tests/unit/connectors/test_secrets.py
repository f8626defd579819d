"""As whom a definition calls: its secrets come from the site, to the hosts that the site says, and are told nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.assembly import standard_hub
from connectors.hub.contract import HubCall
from connectors.hub.outcome import CallOutcome
from connectors.hub.pipeline import CallLimits
from connectors.hub.secrets import Secret
from schemas.reasons import Effect, Reason
from tests.support import oauth2_server, peers

CALM = CallLimits(try_timeout_s=10.0)
SHOP = Secret({"": "t0p-s3cret"}, ("127.0.0.1",))
BANK = Secret({"username": "exlify", "password": "t0p-s3cret"}, ("127.0.0.1", "*.bank.example"))
AWAY = Secret({"": "t0p-s3cret"}, ("elsewhere.example",))
KNOWN = {"shop": SHOP, "bank": BANK, "away": AWAY, "odd": Secret({"": "a\r\nX: y"}, ("*",))}


async def send(url: str, authentication: Any, connections: dict[str, str] | None = None, **more: Any) -> CallOutcome:
    arguments = {"method": "GET", "endpoint": {"uri": url, "authentication": authentication}}
    async with standard_hub(connections or {}, limits=CALM, secrets_of=KNOWN.get, **more) as hub:
        outcome = await hub.carry_out(HubCall(function="http", arguments=arguments, key="k"))
    assert "t0p-s3cret" not in repr(outcome)
    return outcome


@pytest.mark.parametrize(
    ("authentication", "header"),
    [
        ({"bearer": {"token": {"secret": "shop"}}}, "Bearer t0p-s3cret"),
        ({"basic": {"use": "bank"}}, "Basic ZXhsaWZ5OnQwcC1zM2NyZXQ="),
        (
            {"basic": {"username": "exlify", "password": {"secret": "bank", "member": "password"}}},
            "Basic ZXhsaWZ5OnQwcC1zM2NyZXQ=",
        ),
    ],
)
async def test_secret_is_sent_to_its_host(authentication: Any, header: str) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        assert (await send(peer.url, authentication)).ok
        assert (await send("connection://erp", authentication, {"erp": f"{peer.url.replace('//', '//a:b@')}/api"})).ok
        assert [peer.header("Authorization", index) for index in (0, 1)] == [header, header]


@pytest.mark.parametrize(
    ("authentication", "reason", "said"),
    [
        ({"bearer": {"token": {"secret": "away"}}}, Reason.POLICY_DENIED, "secret away is not for 127.0.0.1"),
        ({"bearer": {"token": {"secret": "none"}}}, Reason.MISCONFIGURED, "secret none is not there"),
        ({"bearer": {"token": {"secret": "bank"}}}, Reason.MISCONFIGURED, "secret bank has members"),
        ({"basic": {"use": "shop"}}, Reason.MISCONFIGURED, "secret shop has no member username"),
        ({"bearer": {"token": {"secret": "Ada L."}}}, Reason.INPUT_INVALID, "secret is no name"),
        ({"bearer": {"token": {"secret": "odd"}}}, Reason.INPUT_INVALID, "holds control characters"),
        ({"bearer": {"token": {"other": "shop"}}}, Reason.INPUT_INVALID, "bearer.token is not a text"),
        ({"oauth2": {"authority": "ftp://l"}}, Reason.INPUT_INVALID, "oauth2.authority"),
        ({"oauth2": {"authority": "http://a@l"}}, Reason.INPUT_INVALID, "oauth2.authority"),
        ({"oauth2": {"authority": "http://l"}}, Reason.INPUT_INVALID, "oauth2.client is missing"),
        (
            {"oauth2": {"authority": "http://l", "client": {"id": "x", "secret": {"secret": "shop"}}}},
            Reason.POLICY_DENIED,
            "secret shop is not for l",
        ),
    ],
)
async def test_secret_that_is_not_for_a_call_ends_it_before_anything_is_sent(
    authentication: Any, reason: Reason, said: str
) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        outcome = await send(peer.url, authentication)
        assert peer.count == 0
    assert (outcome.reason, outcome.effect) == (reason, Effect.NONE)
    assert said in outcome.detail and "Ada" not in outcome.detail


@pytest.fixture(scope="module")
def login() -> Iterator[str]:
    with oauth2_server.running() as url:
        yield url


def oauth2(authority: str) -> Any:
    return {
        "oauth2": {
            "authority": authority, "scopes": ["orders"],
            "client": {
                "id": oauth2_server.CLIENT, "secret": {"secret": "login"}, "authentication": "client_secret_basic",
            },
        }
    }  # fmt: skip


async def test_token_is_fetched_for_a_definition_and_kept(login: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KNOWN, "login", Secret({"": oauth2_server.SECRET}, ("127.0.0.1",)))
    async with peers.peer(peers.answers(peers.OK)) as peer:
        arguments = {"method": "GET", "endpoint": {"uri": peer.url, "authentication": oauth2(login)}}
        async with standard_hub({}, limits=CALM, secrets_of=KNOWN.get) as hub:
            for _ in range(2):
                outcome = await hub.carry_out(HubCall(function="http", arguments=arguments, key="k"))
                assert outcome.ok, outcome
        sent = {peer.header("Authorization", index) for index in (0, 1)}
    assert len(sent) == 1 and str(sent.pop()).startswith("Bearer ")


async def test_policy_judges_where_a_definition_has_tokens_asked_for(
    login: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KNOWN, "login", Secret({"": oauth2_server.SECRET}, ("*",)))
    async with peers.peer(peers.answers(peers.OK)) as peer:
        private = await send("connection://erp", oauth2(login), {"erp": peer.url}, allow_private=False)
        named = login.replace("127.0.0.1", "localhost")
        by_name = await send("connection://erp", oauth2(named), {"erp": peer.url}, allow_private=False)
        assert peer.count == 0
    assert [private.reason, by_name.reason] == [Reason.POLICY_DENIED] * 2
