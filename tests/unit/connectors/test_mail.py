"""`mail.send`: all recipients or none, once, and never a word about anybody in what is told of a failure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from connectors.assembly import standard_hub
from connectors.hub.contract import HubCall
from connectors.hub.outcome import CallOutcome
from connectors.hub.pipeline import CallLimits, Hub
from schemas.reasons import Effect, Reason
from tests.support.mailboxes import Mailbox, mailbox

ASKED = {
    "connection": "post", "from": "shop@example.com", "to": ["ada@example.org", "bob@example.org"],
    "cc": "desk@example.com", "replyTo": "help@example.com", "subject": "Grüße, Ada", "text": "Danke.\n.\nEnde",
    "html": "<p>Danke.</p>",
}  # fmt: skip


@pytest.fixture
async def box() -> AsyncIterator[Mailbox]:
    async with mailbox() as running:
        yield running


async def send(box: Mailbox, url: str = "", timeout_s: float = 5.0, **more: Any) -> CallOutcome:
    given = {name: value for name, value in {**ASKED, **more}.items() if value is not None}
    limits = CallLimits(total_timeout_s=timeout_s)
    async with standard_hub({"post": url or box.url}, limits=limits) as hub:
        return await _carried_out(hub, given)


async def _carried_out(hub: Hub, given: dict[str, Any]) -> CallOutcome:
    return await hub.carry_out(HubCall(function="mail.send", arguments=given, key="step/1"))


async def test_a_mail_arrives_whole_at_everybody(box: Mailbox) -> None:
    outcome = await send(box)
    assert (outcome.reason, outcome.effect) == (Reason.OK, Effect.DONE)
    (mail,) = box.mails
    assert box.recipients == [["ada@example.org", "bob@example.org", "desk@example.com"]]
    assert (mail["To"], mail["Cc"], mail["Reply-To"]) == (
        "ada@example.org, bob@example.org", "desk@example.com", "help@example.com",
    )  # fmt: skip
    plain, html = [part.get_payload(decode=True) for part in mail.walk() if not part.is_multipart()]
    assert isinstance(plain, bytes) and isinstance(html, bytes)
    assert plain.decode().splitlines() == ["Danke.", ".", "Ende"] and b"<p>" in html
    await send(box)
    assert {each["Message-ID"] for each in box.mails} == {outcome.output["messageId"]}


@pytest.mark.parametrize(
    ("who", "says", "reason"),
    [
        ("bob@example.org", "550 no bob@example.org here", Reason.BUSINESS_REJECTED),
        ("bob@example.org", "451 later", Reason.REMOTE_FAULT),
        ("DATA", "554 ada@example.org looks like spam", Reason.BUSINESS_REJECTED),
        ("DATA", "452 disk full", Reason.REMOTE_FAULT),
    ],
)
async def test_what_the_server_refuses_has_not_happened(box: Mailbox, who: str, says: str, reason: Reason) -> None:
    box.refuses[who] = says
    outcome = await send(box)
    assert (outcome.reason, outcome.effect, box.mails) == (reason, Effect.NONE, [])
    assert "ada" not in outcome.detail and "bob" not in outcome.detail


async def test_silence_after_the_text_is_a_doubt(box: Mailbox) -> None:
    box.silent = True
    outcome = await send(box, timeout_s=0.5)
    assert (outcome.reason, outcome.effect) == (Reason.OUTCOME_UNKNOWN, Effect.UNKNOWN)


async def test_silence_before_it_is_none() -> None:
    async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(says_nothing, "127.0.0.1", 0)
    url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    outcome = await send(Mailbox(), url, 0.3)
    server.close()
    assert (outcome.reason, outcome.effect) == (Reason.TIMED_OUT, Effect.NONE)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("from", "Shop"), ("to", []), ("to", ["ada@example.org\nBcc: x@example.org"]), ("to", "ada"), ("to", 7),
        ("to", ["a@b.example"] * 101), ("cc", {"a": 1}), ("subject", "a\nBcc: x@example.org"), ("replyTo", "me"),
        ("text", "\ud800"), ("subject", "=?utf-8?q?=0D=0ABcc=3A_x=40example.org?="), ("to", ".ada@example.org"),
        ("replyTo", "=?utf-8?q?=0D=0ABcc=3A_x?=@example.org"),
    ],
)  # fmt: skip
async def test_what_is_no_mail_is_refused_by_name_and_not_quoted(box: Mailbox, argument: str, value: Any) -> None:
    outcome = await send(box, **{argument: value})
    assert (outcome.reason, outcome.effect, box.mails) == (Reason.INPUT_INVALID, Effect.NONE, [])
    assert outcome.detail.startswith(f"mail.send: {argument} ") and "example.org" not in outcome.detail


@pytest.mark.parametrize("url", ["https://example.com", "smtps://me:s3/cret@mail.example.com", "smtp://[::1"])
async def test_a_connection_that_is_no_mail_server_says_so(
    box: Mailbox, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    outcome = await send(box, url)
    assert outcome.reason is Reason.MISCONFIGURED and "smtps://" in outcome.detail
    assert "s3" not in caplog.text


async def test_one_server_is_one_connection_however_its_name_is_written(box: Mailbox) -> None:
    outcomes = [await send(box, connection=name) for name in ("post", "POST")]
    assert [(each.reason, each.evidence["connection"]) for each in outcomes] == [(Reason.OK, "mail:post")] * 2


async def test_a_password_does_not_go_in_clear_to_another_machine() -> None:
    from connectors.mail.connector import _server

    assert _server("post", "smtp://me:s3cret@mail.example.com").upgrade is True
    assert _server("post", "smtp://me:s3cret@127.0.0.1").upgrade is None
    assert _server("post", "smtp://mail.example.com").upgrade is None
    assert "s3cret" not in repr(_server("post", "smtps://me:s3cret@mail.example.com"))
