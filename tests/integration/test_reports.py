"""What calls have seen, from a worker's hub to whoever follows the topic."""

from __future__ import annotations

import asyncio

import pytest

from connectors.hub.observer import EndedCall
from schemas.codec import Codec
from schemas.reasons import Effect, Reason
from streams.ground.provision import provision
from streams.ground.settings import Settings
from streams.processors.call import PAUSES, REPORTS, reports
from streams.processors.call.gone import Gone
from streams.processors.call.pauses import PauseFeed, Pauses
from streams.processors.call.reports import Reporter, SeenFeed, Tally
from streams.runtime.clock import now_ms
from tests.support.waiting import PATIENCE_S


@pytest.mark.broker
async def test_what_calls_have_seen_reaches_who_asks(kafka: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "EVERY_S", 0.05)
    settings, codec, tally = Settings(bootstrap=kafka), Codec.offline(), Tally()
    await provision(settings, (REPORTS,))
    call = EndedCall(function="http", connection="http:erp", reason=Reason.UNREACHED, effect=Effect.NONE, seconds=1)
    breakers = {"http:erp": "open"}
    reporter, feed = Reporter(settings, codec, tally, Gone(Pauses()), lambda: breakers), SeenFeed(settings, codec)
    feed.start()
    reporter.start()
    tally.note(call)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while feed.of("erp", now_ms())["failed"] < 1:
                await asyncio.sleep(0.01)
        assert feed.of("erp", now_ms())["breaker"] == "open"
    finally:
        await reporter.close()
        await feed.close()


@pytest.mark.broker
async def test_endpoint_that_is_gone_is_paused_for_every_worker(kafka: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "EVERY_S", 0.05)
    settings, codec = Settings(bootstrap=kafka), Codec.offline()
    await provision(settings, (REPORTS, PAUSES))
    gone, other = Gone(Pauses()), PauseFeed(settings, codec)
    reporter = Reporter(settings, codec, Tally(), gone, dict)
    await other.start()
    reporter.start()
    gone.note(
        EndedCall(
            function="webhook.send",
            connection="webhook:gone-shop",
            reason=Reason.MISCONFIGURED,
            effect=Effect.NONE,
            seconds=1,
            status=410,
        )
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            while other.of("gone-shop") is None:
                await asyncio.sleep(0.01)
        pause = other.of("gone-shop")
        assert pause is not None and (pause.until_ms, pause.actor) == (None, "exlify") and "410" in pause.why
    finally:
        await reporter.close()
        await other.close()
