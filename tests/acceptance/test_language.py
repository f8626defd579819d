"""All that a definition can say, on Kafka: it comes to that, whichever is first and however often it is told."""

from __future__ import annotations

import pytest

from tests.acceptance import language
from tests.acceptance.site import Site

pytestmark = [pytest.mark.acceptance, pytest.mark.broker, pytest.mark.slow]


async def test_whole_language_comes_to_what_it_says(site: Site) -> None:
    names = [f"said-{number}" for number in range(4)]
    await language.prepare(site)
    subscribed = language.subscribers(site, names)
    await language.happen(site, names)
    await language.verified(subscribed, names)
