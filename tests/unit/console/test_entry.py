"""Who is let in, and whose changes are taken."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from streams.console import install
from streams.console.entry import own_path
from streams.console.sessions import LIFETIME_S, Attempts, Sessions
from streams.gateway.settings import GatewaySettings
from streams.ground.settings import Settings
from tests.support.consoles import INSTANCE, SAME_ORIGIN, Console
from tests.support.gateways import AsyncGateway
from tests.support.waiting import PATIENCE_S

CANCEL = f"/instances/{INSTANCE}/cancel"


@pytest.fixture
def guarded(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, partitions=3).with_(GatewaySettings(token="s3cret"))


async def test_on_loopback_nobody_logs_in(console: Console) -> None:
    assert (await console.get("/instances"))[0] == 200


async def test_with_a_token_somebody_logs_in_and_is_led_on(guarded: Settings) -> None:
    async with AsyncGateway(guarded, install) as gateway:
        console = Console(gateway)
        async with gateway.client.get("/instances?status=waiting", allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (
                303,
                "/login?next=%2Finstances%3Fstatus%3Dwaiting",
            )
        _, form = await console.get("/login?next=/instances?status=waiting")
        status, onward, _ = await console.send("/login", form, {"name": "kim", "token": "s3cret"})
        assert (status, onward) == (303, "/instances?status=waiting")
        (cookie,) = gateway.client.session.cookie_jar
        assert cookie["httponly"] and cookie["samesite"] == "Strict" and "s3cret" not in cookie.value
        status, page = await console.get("/instances")
        assert status == 200 and "You are kim" in page
        _, onward, _ = await console.send("/logout", page, {})
        assert onward == "/login" and not list(gateway.client.session.cookie_jar)


async def test_session_opens_the_console_and_not_the_interface(guarded: Settings) -> None:
    async with AsyncGateway(guarded, install) as gateway:
        console = Console(gateway)
        await console.send("/login", (await console.get("/login"))[1], {"name": "kim", "token": "s3cret"})
        async with gateway.client.get("/v1/instances") as response:
            assert response.status == 401


async def test_tokens_cannot_be_tried_for_ever(guarded: Settings) -> None:
    async with AsyncGateway(guarded, install) as gateway:
        console = Console(gateway)
        _, form = await console.get("/login")
        tried = [(await console.send("/login", form, {"name": "kim", "token": "guess"}))[0] for _ in range(6)]
        assert tried == [401] * 5 + [429]
        assert (await console.send("/login", form, {"name": "kim", "token": "s3cret"}))[0] == 429


async def test_link_from_elsewhere_is_asked_again_from_a_page_of_ours(guarded: Settings) -> None:
    """A strict cookie does not come along from a foreign page."""
    async with AsyncGateway(guarded, install) as gateway:
        foreign = {"Sec-Fetch-Site": "cross-site"}
        async with gateway.client.get("/inbox?team=a", headers=foreign, allow_redirects=False) as response:
            assert (response.status, response.headers["Refresh"]) == (200, "0; url=/inbox?team=a")


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"X-Nothing": "at all"},
    ],
)
async def test_change_from_elsewhere_is_refused(console: Console, headers: dict[str, str]) -> None:
    console.began()
    _, page = await console.get(f"/instances/{INSTANCE}?ask=cancel")
    status, _, _ = await console.send(CANCEL, page, {"reason": "x"}, headers)
    assert status == 403 and console.gateway.outbox.records == []


async def test_change_needs_the_token_of_its_form(console: Console) -> None:
    console.began()
    assert (await console.send(CANCEL, "", {"reason": "x", "form_token": "0" * 64}))[0] == 403
    assert (await console.send(CANCEL, "", {"reason": "x"}, SAME_ORIGIN))[0] == 403
    assert console.gateway.outbox.records == []


async def test_browser_that_tells_its_origin_only_is_taken(console: Console) -> None:
    console.began()
    _, page = await console.get(f"/instances/{INSTANCE}?ask=cancel")
    origin = str(console.gateway.client.make_url("/")).rstrip("/")
    assert (await console.send(CANCEL, page, {"reason": "x"}, {"Origin": origin}))[0] == 303


def test_session_is_known_until_it_is_over() -> None:
    now = [1000.0]
    ours = Sessions("token", lambda: now[0])
    session = ours.begin("kim")
    assert ours.known(session.text) == session
    assert Sessions("token", lambda: now[0]).known(session.text) == session  # another gateway of the same token
    assert Sessions("other", lambda: now[0]).known(session.text) is None
    now[0] += LIFETIME_S
    assert ours.known(session.text) is None


@pytest.mark.parametrize("text", ["", ".", "a.b", "é.é", "W10.x"])
def test_no_session_is_made_of_anything_else(text: str) -> None:
    assert Sessions("token").known(text) is None


def test_form_of_one_session_is_none_of_another() -> None:
    ours = Sessions("token")
    kim, lee = ours.begin("kim"), ours.begin("lee")
    assert ours.is_form_token(kim, ours.form_token(kim)) and not ours.is_form_token(lee, ours.form_token(kim))


def test_attempts_are_forgotten_after_a_while() -> None:
    now = [0.0]
    attempts = Attempts(clock=lambda: now[0], of_one=1)
    attempts.failed("a")
    assert not attempts.allowed("a") and attempts.allowed("b")
    now[0] = 61
    assert attempts.allowed("a")


@pytest.mark.parametrize("text", ["//evil.example", "/\\evil", "https://evil", "", "javascript:x", "/a\nb", "/x\\y"])
def test_nobody_is_led_elsewhere(text: str) -> None:
    assert own_path(text) == "/"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded; charset=punycode", b"x" * 500_000 + b"-" + b"a" * 500_000),
        ("application/x-www-form-urlencoded; charset=klingon", b"name=kim"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nkim\r\n--b--\r\n',
        ),
    ],
)
async def test_a_form_that_is_none_of_ours_is_not_read(guarded: Settings, kind: str, body: bytes) -> None:
    """Before anybody is known: of some charsets a body of a megabyte takes a minute, in which nobody else is served."""
    async with AsyncGateway(guarded, install) as gateway, asyncio.timeout(PATIENCE_S):
        headers = {"Content-Type": kind, **SAME_ORIGIN}
        async with gateway.client.post("/login", data=body, headers=headers) as response:
            assert response.status == 415
