"""Undoing, with its processors killed at every named point of the write order while they undo: each undo once.

The ledger of the systems outside is in another process. Two of three effects are there when an instance is given up;
the third is under way, and is undone if it happens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.acceptance import undoing
from tests.acceptance.journey import Subscriber
from tests.acceptance.site import LOOK_S, PATIENCE_S, Site, running
from tests.crash.points import KILLED
from tests.crash.test_processors import HOSTED_BY, points
from tests.support import brokers

CASES = 6  # for each point
LATER = 4  # an occurrence at which undos have begun


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site of this module's own."""
    folder = tmp_path_factory.mktemp("site")
    with brokers.chosen(folder).kafka() as bootstrap, running(bootstrap, folder) as started:
        asyncio.run(undoing.prepare(started))
        yield started


@pytest.mark.crash
@pytest.mark.parametrize("processor", ["orchestrate", "call", "recover"])
async def test_kills_at_every_point_undo_each_step_once(site: Site, processor: str) -> None:
    worker = HOSTED_BY[processor]
    kills = [(point, count) for point in points(processor) for count in (1, LATER)]
    names = {kill: [f"{processor}-{kill[0]}-{kill[1]}-{number}" for number in range(CASES)] for kill in kills}
    every = [name for some in names.values() for name in some]
    subscriber = Subscriber(site, map(undoing.instance, every), undoing.WORKFLOW)
    for (point, count), some in names.items():
        await undoing.begin(site, some)
        site.workers.stop(worker)
        if processor == "recover":
            await site.away("mail", times=2 * CASES)  # so that undos fail, and are tried again
        site.workers.start(worker, crash_at=f"{processor}:{point}:{_occurrence(point, count)}", restarts=False)
        await undoing.give_up(site, some)
        assert await _ended(site, worker) == KILLED, f"{processor} did not reach {point} for the {count}th time"
        site.start(worker)
        await site.ready(worker)
    figures = await undoing.verified(site, subscriber, every)
    assert figures[3], "no effect was under way when its instance was given up"


def _occurrence(point: str, count: int) -> int:
    """Points of a start come once a partition and are not those of undoing: the first is enough."""
    return 1 if point in ("after_fence", "after_recovery") else count


async def _ended(site: Site, worker: str) -> int | None:
    async with asyncio.timeout(PATIENCE_S):
        while (code := site.workers.exit_code(worker)) is None:
            await asyncio.sleep(LOOK_S)
    return code
