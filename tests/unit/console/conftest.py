"""A gateway with its console, in memory, and the page of an answer as text."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streams.console import install
from streams.ground.settings import Settings
from tests.support.consoles import Console
from tests.support.gateways import AsyncGateway


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, partitions=3)


@pytest.fixture
async def console(settings: Settings) -> AsyncIterator[Console]:
    async with AsyncGateway(settings, install) as running:
        yield Console(running)
