"""A gateway in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streams.gateway.settings import GatewaySettings
from streams.ground.settings import Settings
from tests.support.gateways import AsyncGateway, Gateway


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, partitions=3).with_(GatewaySettings(max_body_bytes=20_000))


@pytest.fixture
async def gateway(settings: Settings) -> AsyncIterator[Gateway]:
    async with AsyncGateway(settings) as running:
        yield running
