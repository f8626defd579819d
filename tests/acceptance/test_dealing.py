"""Tasks that are given to people on a whole site: by skill and load, and none is lost when the worker is killed."""

from __future__ import annotations

import pytest

from tests.acceptance import dealing
from tests.acceptance.journey import Subscriber
from tests.acceptance.site import Site

pytestmark = [pytest.mark.acceptance, pytest.mark.broker, pytest.mark.slow]
TASKS = 12


async def test_tasks_go_to_people_who_can_and_have_room_whoever_is_killed(site: Site) -> None:
    await dealing.prepare(site)
    try:
        numbers = range(TASKS)
        subscriber = Subscriber(site, dealing.instances(numbers), dealing.WORKFLOW)
        await dealing.happen(site, numbers)
        room = sum(dealing.CAPACITY.values())
        await dealing.all_have_what_they_can(site, left=TASKS - room)
        async with dealing.answering(site):
            site.kill("steps")
            await dealing.verified(site, subscriber, numbers)
    finally:
        dealing.forget(site)
