"""What calls have seen, from a worker's hub to whoever follows the topic."""

from __future__ import annotations

import asyncio

import pytest

from connectors.hub.observer import EndedCall
from schemas.codec import Codec
from schemas.reasons import Effect, Reason
from streams.ground.provision import provision
from streams.ground.settings import Settings
from streams.processors.call import REPORTS, reports
from streams.processors.call.reports import Reporter, SeenFeed, Tally
from streams.runtime.clock import now_ms


@pytest.mark.broker
async def test_what_calls_have_seen_reaches_who_asks(kafka: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "EVERY_S", 0.05)
    settings, codec, tally = Settings(bootstrap=kafka), Codec.offline(), Tally()
    await provision(settings, (REPORTS,))
    call = EndedCall(function="http", connection="http:erp", reason=Reason.UNREACHED, effect=Effect.NONE, seconds=1)
    reporter, feed = Reporter(settings, codec, tally, lambda: {"http:erp": "open"}), SeenFeed(settings, codec)
    feed.start()
    reporter.start()
    tally.note(call)
    try:
        async with asyncio.timeout(60):
            while feed.of("erp", now_ms())["failed"] < 1:
                await asyncio.sleep(0.01)
        assert feed.of("erp", now_ms())["breaker"] == "open"
    finally:
        await reporter.close()
        await feed.close()
