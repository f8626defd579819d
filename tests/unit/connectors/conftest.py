"""The hub without connections: one with time for what answers, one that waits only a moment for what never does."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from connectors.assembly import standard_hub
from connectors.hub.pipeline import Hub
from tests.support.hubs import CALM, QUICK


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    async with standard_hub({}, limits=CALM) as opened:
        yield opened


@pytest.fixture
async def quick() -> AsyncIterator[Hub]:
    async with standard_hub({}, limits=QUICK) as opened:
        yield opened
