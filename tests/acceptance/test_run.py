"""`run: workflow` on Kafka: children are started once, answer their parent, and end with it."""

from __future__ import annotations

import pytest

from tests.acceptance import family
from tests.acceptance.journey import Subscriber
from tests.acceptance.site import Site

pytestmark = [pytest.mark.acceptance, pytest.mark.broker, pytest.mark.slow]


async def test_children_answer_their_parent_and_end_with_it(site: Site) -> None:
    numbers = range(1_000, 1_006)
    await family.prepare(site)
    parents = Subscriber(site, map(family.parent, numbers), "parent")
    below = Subscriber(site, (each for number in numbers for each in family.children(number)), "child")
    await family.begin(site, numbers)
    await family.verified(parents, below, numbers)
