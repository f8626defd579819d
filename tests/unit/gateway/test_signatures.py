"""Webhooks as their senders sign them: published vectors, and every way in which one is not theirs."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from schemas.catalogue import current
from schemas.jsondata import to_json
from schemas.messages import APPLICATION_SUBMITTED
from schemas.samples import sample
from streams.gateway.hooks import Hook, Hooks
from streams.gateway.signatures import SCHEMES, verify
from streams.gateway.webhooks import TOLERANCE_S, InvalidSignatureError
from streams.ground.errors import ConfigurationError
from streams.ground.settings import Settings
from streams.ground.site import Site
from tests.support.gateways import NOW_S, AsyncGateway, Gateway

SECRET, OLD, FOREIGN = "secret-of-the-sender", "former-secret-of-it", "secret-of-another-one"
SITE = """
payments:
  {type: exlify.onboarding.application-submitted.v1, subject: /application_id, scheme: SCHEME, secret: '${env:S}'}
"""
OWN = "{header: X-Sign, encoding: base64, timestamp: X-Time, signed: 'v9|{timestamp}|{body}'}"
ALL = (*SCHEMES, OWN)


def test_published_vector_of_github() -> None:
    """Of its documentation, "Validating webhook deliveries"."""
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    headers = {"X-Hub-Signature-256": signature}
    assert verify(SCHEMES["github"], [b"It's a Secret to Everybody"], headers, b"Hello, World!", 7).timestamp_s == 7


def test_published_vector_of_slack() -> None:
    """Of its documentation, "Verifying requests from Slack"."""
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F"
        b"96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    headers = {
        "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        "X-Slack-Request-Timestamp": "1531420618",
    }
    secret = b"8f742231b10e8888abcd99yyyzzz85a5"
    assert verify(SCHEMES["slack"], [secret], headers, body, 1531420618).timestamp_s == 1531420618


def signed(scheme: str, body: bytes, secret: str = SECRET, at_s: int = NOW_S) -> dict[str, str]:
    """What the sender adds, by its documentation."""

    def mac(text: bytes) -> bytes:
        return hmac.new(secret.encode(), text, hashlib.sha256).digest()

    stamp = str(at_s).encode()
    match scheme:
        case "github":
            return {"X-Hub-Signature-256": "sha256=" + mac(body).hex()}
        case "shopify":
            return {"X-Shopify-Hmac-Sha256": base64.b64encode(mac(body)).decode()}
        case "slack":
            headers = {"X-Slack-Request-Timestamp": str(at_s)}
            return headers | {"X-Slack-Signature": "v0=" + mac(b"v0:" + stamp + b":" + body).hex()}
        case "stripe":
            return {"Stripe-Signature": f"t={at_s},v1={mac(stamp + b'.' + body).hex()},v0=00ff"}
    return {"X-Time": str(at_s), "X-Sign": base64.b64encode(mac(b"v9|" + stamp + b"|" + body)).decode()}


def body_of(**more: Any) -> bytes:
    data = to_json(sample(current()[APPLICATION_SUBMITTED]))
    return json.dumps(data | {"application_id": "A-17", **more}).encode()


def hooks_in(folder: Path, scheme: str) -> Hooks:
    (folder / "hooks.yaml").write_text(SITE.replace("SCHEME", scheme))
    settings = Settings(data_dir=folder / "data", site_dir=folder)
    return Hooks(settings, Site(folder, {"S": f"{SECRET} {OLD}"}))


@pytest.fixture(params=ALL, ids=[*SCHEMES, "own"])
def hook(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Hook]:
    return request.param, hooks_in(tmp_path, request.param)["payments"]


def check(hook: Hook, headers: dict[str, str], body: bytes) -> None:
    assert hook.scheme is not None
    verify(hook.scheme, hook.secrets, headers, body, NOW_S)


async def deliver(gateway: Gateway, body: bytes, headers: dict[str, str]) -> int:
    headers = {"Content-Type": "application/json", **headers}
    status, _ = await gateway.ask("POST", "/v1/hooks/payments", data=body, headers=headers)
    return status


def ids(gateway: Gateway) -> set[bytes]:
    return {dict(record.headers)["ce_id"] for record in gateway.outbox.records}


@pytest.mark.parametrize("scheme", ALL, ids=[*SCHEMES, "own"])
async def test_delivery_counts_under_each_secret_and_again_as_the_same_event(tmp_path: Path, scheme: str) -> None:
    body, other = body_of(), body_of(application_id="A-18")
    async with AsyncGateway(
        Settings(site_dir=tmp_path, data_dir=tmp_path), hooks=hooks_in(tmp_path, scheme)
    ) as gateway:
        for secret, at_s in ((SECRET, NOW_S), (OLD, NOW_S - 60)):
            assert await deliver(gateway, body, signed(scheme, body, secret, at_s)) == 202
        assert len(ids(gateway)) == 1
        assert await deliver(gateway, other, signed(scheme, other)) == 202
        assert len(ids(gateway)) == 2
        assert await deliver(gateway, other, signed(scheme, body)) == 401
        assert len(gateway.outbox.records) == 3


@pytest.mark.parametrize("attack", ["stripped", "empty", "foreign secret", "other body", "no prefix", "not ascii"])
def test_delivery_that_is_not_the_senders_is_refused(hook: tuple[str, Hook], attack: str) -> None:
    scheme, ours = hook
    body = body_of()
    headers = signed(scheme, body, FOREIGN if attack == "foreign secret" else SECRET)
    place = list(headers)[-1]
    if attack == "stripped":
        del headers[place]
    elif attack in ("empty", "not ascii"):
        headers[place] = "" if attack == "empty" else "\xe9\udc80" * 32
    elif attack == "no prefix":
        headers[place] = headers[place][1:]
    with pytest.raises(InvalidSignatureError):
        check(ours, headers, body_of(application_id="A-18") if attack == "other body" else body)


@pytest.mark.parametrize("off_s", [-TOLERANCE_S - 1, TOLERANCE_S + 1])
def test_old_delivery_is_refused_where_the_time_is_signed(hook: tuple[str, Hook], off_s: int) -> None:
    scheme, ours = hook
    headers = signed(scheme, b"{}", at_s=NOW_S + off_s)
    if scheme in ("github", "shopify"):
        check(ours, headers, b"{}")
    else:
        with pytest.raises(InvalidSignatureError):
            check(ours, headers, b"{}")


def test_fresh_time_beside_an_old_signature_is_refused() -> None:
    body = body_of()
    for name, scheme in SCHEMES.items():
        if name in ("github", "shopify"):
            continue
        headers = signed(name, body, at_s=NOW_S - 10_000)
        forged = {key: value.replace(str(NOW_S - 10_000), str(NOW_S)) for key, value in headers.items()}
        with pytest.raises(InvalidSignatureError):
            verify(scheme, [SECRET.encode()], forged, body, NOW_S)


async def test_challenge_of_a_sender_is_answered_only_where_it_is_signed(tmp_path: Path) -> None:
    body = json.dumps({"type": "url_verification", "challenge": "3eZbrw1"}).encode()
    headers = {"Content-Type": "application/json"} | signed("slack", body)
    async with AsyncGateway(
        Settings(site_dir=tmp_path, data_dir=tmp_path), hooks=hooks_in(tmp_path, "slack")
    ) as gateway:
        answer = await gateway.ask("POST", "/v1/hooks/payments", data=body, headers=headers)
        assert answer == (200, {"challenge": "3eZbrw1"})
        assert await deliver(gateway, body, signed("slack", body, FOREIGN)) == 401
        assert not gateway.outbox.records


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ("scheme: acme, secret: '${env:S}'", "is no scheme"),
        ("scheme: github", "no secret"),
        ("scheme: github, secret: secret-in-the-file", "a secret in the file"),
        ("scheme: github, secret: '${env:SHORT}'", "stands for no secret"),
        ("scheme: {prefix: a}, secret: '${env:S}'", "no header"),
        ("scheme: {header: X, encoding: utf}, secret: '${env:S}'", "no encoding"),
        ("scheme: {header: X, timestamp: T, signed: '{body}'}, secret: '${env:S}'", "a time that is not signed"),
        ("scheme: {header: X, signed: 'a'}, secret: '${env:S}'", "{body} once"),
        ("id: /id", "an id beside the one that is signed"),
        ("scheme: github, id: id, secret: '${env:S}'", "no JSON Pointer"),
    ],
)
def test_faulty_scheme_is_refused(tmp_path: Path, members: str, says: str) -> None:
    (tmp_path / "hooks.yaml").write_text(f"pay: {{type: a.b.v1, {members}}}\n")
    with pytest.raises(ConfigurationError) as fault:
        Hooks(Settings(data_dir=tmp_path / "data"), Site(tmp_path, {"S": SECRET, "SHORT": "short"}))
    assert says in str(fault.value)


def test_digits_of_a_hexadecimal_signature_may_be_capitals() -> None:
    scheme, body = SCHEMES["github"], b"{}"
    signature = hmac.digest(b"secret", body, "sha256").hex().upper()
    headers = {"X-Hub-Signature-256": f"sha256={signature}"}
    assert verify(scheme, [b"secret"], headers, body, 0).timestamp_s == 0
