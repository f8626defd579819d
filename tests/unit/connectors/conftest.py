"""A hub with short pauses, so that retries cost milliseconds."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from connectors.assembly import standard_hub
from connectors.hub.pipeline import Hub
from tests.support.hubs import QUICK


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    async with standard_hub({}, limits=QUICK) as opened:
        yield opened
