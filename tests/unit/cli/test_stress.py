"""`exlify stress`: a load that cannot be sent ends at once, and says why."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from schemas.codec import Codec
from streams.cli import stress
from streams.cli._load import Load
from streams.ground.errors import UnavailableError
from streams.ground.settings import Settings
from tests.support.waiting import PATIENCE_S


class Silent:
    """A topic without outcomes."""

    def consume(self, number: int, timeout_s: float) -> list[Any]:
        return []

    def close(self) -> None:
        pass


async def test_load_that_cannot_be_sent_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def codec(settings: Settings) -> Codec:
        return Codec.offline()

    async def send(settings: Settings, known: Codec, load: Load, *rest: Any) -> float:
        load.sent["one"] = 1
        raise UnavailableError("Kafka has gone away")

    monkeypatch.setattr(stress, "codec", codec)
    monkeypatch.setattr(stress, "_send", send)
    monkeypatch.setattr(stress, "_outcomes", lambda settings, workflow: Silent())
    with pytest.raises(UnavailableError, match="gone away"):
        async with asyncio.timeout(PATIENCE_S):
            await stress._run(Settings(), Load(), "order", "order.v1", [{}], 1, 1.0, patience=3_600)
