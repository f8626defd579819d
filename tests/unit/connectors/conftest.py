"""A hub with short pauses, so that retries cost milliseconds."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from connectors.assembly import standard_hub
from connectors.hub.pipeline import Hub, Limits

QUICK = Limits(total_timeout_s=5.0, try_timeout_s=0.4, first_pause_s=0.001, max_pause_s=0.01)


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    async with standard_hub({}, limits=QUICK) as opened:
        yield opened
