"""As whom a call is made: tokens of a real server, proofs, keys, certificates; none of it is shown."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from connectors.assembly import standard_hub
from connectors.http.admission import MOST_CERTIFICATES, Admissions
from connectors.http.client import Client
from connectors.http.tokens import Tokens
from connectors.hub.contract import HubCall, Refused
from connectors.hub.identity import (
    ApiKey,
    Basic,
    Bearer,
    ClientSecret,
    Credentials,
    Digest,
    Grant,
    Identity,
    OAuth2,
    Tls,
)
from connectors.hub.outcome import CallOutcome
from connectors.hub.pipeline import Hub
from connectors.hub.policy import Policy
from schemas.reasons import Effect, Reason
from tests.support import certificates, oauth2_server, peers
from tests.support.hubs import CALM


@pytest.fixture(scope="module")
def login() -> Iterator[str]:
    with oauth2_server.running() as url:
        yield url


def client(url: str, **changed: Any) -> OAuth2:
    usual: dict[str, Any] = {
        "client": oauth2_server.CLIENT, "secret": oauth2_server.SECRET, "scopes": ("orders",),
        "proof": ClientSecret.BASIC,
    }  # fmt: skip
    return OAuth2(token_url=f"{url}/oauth2/token", **{**usual, **changed})


@asynccontextmanager
async def as_(url: str, credentials: Credentials | None, tls: Tls | None = None) -> AsyncIterator[Hub]:
    identity = Identity(credentials, tls)
    async with standard_hub({"erp": url}, limits=CALM, allow_private=False, identity_of=lambda _: identity) as hub:
        yield hub


async def get(hub: Hub, path: str = "", **more: Any) -> CallOutcome:
    arguments = {"method": "get", "endpoint": f"connection://erp{path}", **more}
    return await hub.carry_out(HubCall(function="http", arguments=arguments, key="k"))


async def tokens_made(url: str) -> int:
    async with standard_hub({}) as hub:
        call = HubCall(function="http", arguments={"method": "get", "endpoint": f"{url}/tokens"}, key="k")
        return int((await hub.carry_out(call)).output["count"])


@pytest.mark.parametrize("proof", [ClientSecret.BASIC, ClientSecret.POST])
async def test_many_calls_share_one_token(login: str, proof: ClientSecret) -> None:
    before = await tokens_made(login)
    async with as_(login, client(login, proof=proof)) as hub:
        outcomes = await asyncio.gather(*(get(hub, "/orders") for _ in range(12)))
        outcomes += [await get(hub, "/orders", method="post")]
    assert {outcome.reason for outcome in outcomes} == {Reason.OK}
    assert await tokens_made(login) == before + 1


async def test_token_that_is_not_taken_any_more_is_renewed_once(login: str) -> None:
    before = await tokens_made(login)
    async with as_(login, client(login)) as hub:
        assert (await get(hub, "/orders")).ok
        async with standard_hub({}) as other:
            revoke = {"method": "post", "endpoint": f"{login}/revoke"}
            assert (await other.carry_out(HubCall(function="http", arguments=revoke, key="k"))).ok
        assert (await get(hub, "/orders", method="post")).ok
    assert await tokens_made(login) == before + 2


async def test_refresh_token_is_exchanged_and_its_successor_kept(login: str) -> None:
    asked = client(login, grant=Grant.REFRESH_TOKEN, refresh_token=oauth2_server.FIRST_REFRESH)
    async with as_(login, asked) as hub:
        assert (await get(hub, "/orders")).ok
        async with standard_hub({}) as other:
            revoke = {"method": "post", "endpoint": f"{login}/revoke"}
            assert (await other.carry_out(HubCall(function="http", arguments=revoke, key="k"))).ok
        assert (await get(hub, "/orders")).ok


async def test_client_that_is_not_known_is_told_to_people_and_nothing_was_sent(login: str) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer, as_(peer.url, client(login, secret="wr0ng")) as hub:
        outcome = await get(hub, method="post")
        assert (outcome.reason, outcome.effect, peer.count) == (Reason.CONNECTION_STALE, Effect.NONE, 0)
    assert "invalid_client" in outcome.detail
    assert "wr0ng" not in repr(outcome)


async def test_new_token_that_is_not_taken_either_is_a_stale_connection(login: str) -> None:
    async with peers.peer(peers.status(401)) as peer, as_(peer.url, client(login)) as hub:
        outcome = await get(hub, method="post")
        assert (outcome.reason, outcome.effect, peer.count) == (Reason.CONNECTION_STALE, Effect.NONE, 2)


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (peers.status(503), Reason.UNREACHED),
        (peers.resets, Reason.UNREACHED),
        (peers.status(302, "Location: http://127.0.0.1/"), Reason.CONNECTION_STALE),
        (peers.status(200, body=b"[1]"), Reason.CONTRACT_DRIFT),
        (peers.status(200, body=b'{"access_token": "a\\r\\nb"}'), Reason.CONTRACT_DRIFT),
        (peers.status(200, body=b'{"access_token": "' + b"a" * 70_000 + b'"}'), Reason.CONTRACT_DRIFT),
    ],
)
async def test_faulty_server_of_tokens_has_no_effect(act: peers.Act, reason: Reason) -> None:
    async with peers.peer(act) as login, peers.peer(peers.answers(peers.OK)) as erp:
        async with as_(erp.url, client(login.url)) as hub:
            outcome = await get(hub, method="post")
        assert (outcome.reason, outcome.effect, erp.count) == (reason, Effect.NONE, 0)


async def test_certificates_that_nobody_has_any_more_are_forgotten_with_their_tokens() -> None:
    client = Client(Policy(), pool_size=1)
    admissions = Admissions(client)
    try:
        kept = admissions._of(None)
        for number in range(3 * MOST_CERTIFICATES):
            admissions._of(Tls(authority=f"{number}"))
            assert admissions._of(None) is kept, "what is in use stays"
        assert len(admissions._tokens) == MOST_CERTIFICATES
    finally:
        await client.close()


async def test_token_is_renewed_before_it_ends_while_the_old_one_is_used() -> None:
    now, made = 0.0, 0
    gate = asyncio.Event()
    gate.set()

    async def post(url: str, form: Any, headers: Any) -> tuple[int, bytes]:
        nonlocal made
        await gate.wait()
        made += 1
        return 200, json.dumps({"access_token": f"t{made}", "expires_in": 100}).encode()

    tokens, asked = Tokens(post, lambda: now), client("http://login")
    assert await tokens.token(asked) == "t1"
    now = 79.0
    assert (await tokens.token(asked), made) == ("t1", 1)
    now = 81.0
    gate.clear()
    assert [await tokens.token(asked) for _ in range(3)] == ["t1"] * 3
    now = 101.0
    waiting = [asyncio.create_task(tokens.token(asked)) for _ in range(3)]
    gate.set()
    assert (await asyncio.gather(*waiting), made) == (["t2"] * 3, 2)


@pytest.mark.parametrize("life", ["1" + "0" * 400, "-5", "true", '"soon"', '"nan"', '"1e999"', "null"])
async def test_whatever_life_a_token_is_said_to_have_it_is_used(life: str) -> None:
    async def post(url: str, form: Any, headers: Any) -> tuple[int, bytes]:
        return 200, f'{{"access_token": "t1", "expires_in": {life}}}'.encode()

    assert await Tokens(post).token(client("http://login")) == "t1"


async def test_renewal_that_fails_does_not_stop_calls_while_the_old_token_is_good() -> None:
    now, answers = 0.0, [(200, b'{"access_token": "t1", "expires_in": 100}'), (503, b"")]

    async def post(url: str, form: Any, headers: Any) -> tuple[int, bytes]:
        return answers[0] if len(answers) == 1 else answers.pop(0)

    tokens, asked = Tokens(post, lambda: now), client("http://login")
    assert await tokens.token(asked) == "t1"
    now = 90.0
    assert await tokens.token(asked) == "t1"
    now = 101.0
    with pytest.raises(Refused):
        await tokens.token(asked)


@pytest.mark.parametrize(
    ("credentials", "header", "value"),
    [
        (Basic("ada", "s3cret"), "Authorization", "Basic " + base64.b64encode(b"ada:s3cret").decode()),
        (Bearer("s3cret"), "Authorization", "Bearer s3cret"),
        (ApiKey("X-Api-Key", "s3cret"), "X-Api-Key", "s3cret"),
        (ApiKey("api key", "s3cret&a=b", in_query=True), "", "?api+key=s3cret%26a%3Db&page=2"),
    ],
)
async def test_what_a_connection_says_of_itself_is_sent_and_not_shown(
    credentials: Credentials, header: str, value: str
) -> None:
    location = "/a" if header else "/a?api+key=s3cret%26a%3Db"
    async with peers.peer(peers.status(200, f"Location: {location}")) as peer, as_(peer.url, credentials) as hub:
        outcome = await get(hub, "/a", query={"page": 2}, output="response", headers={"x-api-key": "mine"})
        sent = peer.header(header) if header else peer.requests[0].split(b" ")[1].decode()
    assert outcome.ok
    assert sent is not None
    assert sent.endswith(value)
    assert "s3cret" not in repr(outcome)


def hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def digest_system() -> web.Application:
    """A system that asks for a proof (RFC 7616, SHA-256), and counts what it takes."""

    async def orders(request: web.Request) -> web.Response:
        given = dict(re.findall(r'(\w+)="?([^",]*)"?', request.headers.get("Authorization", "")))
        a1, a2 = hashed("ada:erp:s3cret"), hashed(f"{request.method}:{request.path_qs}")
        proof = hashed(f"{a1}:n0nce:{given.get('nc')}:{given.get('cnonce')}:auth:{a2}")
        if given.get("response") != proof:
            challenge = 'Digest realm="erp", nonce="n0nce", qop="auth", algorithm=SHA-256'
            return web.Response(status=401, headers={"WWW-Authenticate": challenge})
        return web.json_response({"body": await request.text()})

    app = web.Application()
    app.router.add_route("*", "/orders", orders)
    return app


@asynccontextmanager
async def served(app: web.Application, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def test_digest_proves_the_password_and_does_not_send_it() -> None:
    async with served(digest_system()) as port, as_(f"http://127.0.0.1:{port}", Digest("ada", "s3cret")) as hub:
        for method in ("post", "get", "post"):
            outcome = await get(hub, "/orders", method=method, query={"a": "b c"}, body={"n": 1})
            assert (outcome.reason, outcome.output) == (Reason.OK, {"body": '{"n":1}'})
    async with served(digest_system()) as port, as_(f"http://127.0.0.1:{port}", Digest("ada", "wrong")) as hub:
        outcome = await get(hub, "/orders", method="post")
        assert (outcome.reason, outcome.effect) == (Reason.AUTH_EXPIRED, Effect.NONE)


async def lets_in(request: web.Request) -> web.Response:
    return web.json_response({"in": True})


async def test_certificate_of_the_connection_lets_it_in_and_its_authority_is_trusted(tmp_path: Path) -> None:
    authority = certificates.Authority()
    server, ours = authority.issue("127.0.0.1"), authority.issue("exlify")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=authority.pem)
    context.verify_mode = ssl.CERT_REQUIRED
    (tmp_path / "server.pem").write_text(server.certificate + server.key)
    context.load_cert_chain(tmp_path / "server.pem")
    app = web.Application()
    app.router.add_get("/", lets_in)
    async with served(app, context) as port:
        url = f"https://127.0.0.1:{port}/"
        async with as_(url, None, Tls(ours.certificate, ours.key, authority.pem)) as hub:
            assert (await get(hub)).output == {"in": True}
        for tls in (Tls(authority=authority.pem), Tls(ours.certificate, ours.key)):
            async with as_(url, None, tls) as hub:
                assert (await get(hub)).reason is Reason.UNREACHED


async def test_definition_that_says_who_it_is_goes_before_the_connection(login: str) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer, as_(peer.url, client(login)) as hub:
        own = {"uri": "connection://erp/a", "authentication": {"bearer": {"token": "mine"}}}
        assert (await get(hub, endpoint=own)).ok
        assert peer.header("Authorization") == "Bearer mine"
