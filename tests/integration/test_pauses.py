"""Pauses of systems on a real broker: known at the start, and followed. The broker is other tests' too, and they call
systems by names that a pause would hold: the names here are of nobody else."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from schemas.codec import Codec
from schemas.messages import SYSTEM_PAUSE
from streams.ground.provision import provision
from streams.ground.publish import Outgoing, Publisher
from streams.ground.settings import Settings
from streams.processors.call import PAUSES
from streams.processors.call.pauses import PauseFeed
from tests.support.waiting import PATIENCE_S

CODEC = Codec.offline()
ERP, MAIL, PRESS = (f"{name}-{uuid.uuid4().hex[:8]}" for name in ("erp", "mail", "press"))


@asynccontextmanager
async def followed(settings: Settings) -> AsyncIterator[PauseFeed]:
    feed = PauseFeed(settings, CODEC)
    await feed.start()
    try:
        yield feed
    finally:
        await feed.close()


async def said(settings: Settings, connection: str, *, paused: bool) -> None:
    pause = {"connection": connection, "paused": paused, "until_ms": None, "why": "w", "actor": "a", "at_ms": 1}
    async with Publisher(settings) as publisher:
        await publisher.publish([Outgoing(PAUSES, connection.encode(), CODEC.encode(SYSTEM_PAUSE, pause))])


async def until(feed: PauseFeed, connection: str, *, paused: bool) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while (feed.of(connection) is not None) != paused:
            await asyncio.sleep(0.01)


@pytest.mark.broker
async def test_pause_is_known_at_the_start_and_followed(kafka: str) -> None:
    settings = Settings(bootstrap=kafka)
    await provision(settings, (PAUSES,))
    await said(settings, ERP, paused=True)
    async with followed(settings) as feed:
        await until(feed, ERP, paused=True)
        assert feed.seconds_left(ERP) == float("inf")
        await said(settings, ERP, paused=False)
        await until(feed, ERP, paused=False)
        await said(settings, MAIL, paused=True)
        await until(feed, MAIL, paused=True)


@pytest.mark.broker
async def test_all_that_was_said_is_known_after_the_start(kafka: str) -> None:
    settings = Settings(bootstrap=kafka)
    await provision(settings, (PAUSES,))
    await said(settings, PRESS, paused=True)
    async with followed(settings) as feed:
        assert feed.of(PRESS) is not None
