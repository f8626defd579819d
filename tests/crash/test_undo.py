"""Undoing, with its processors killed at every named point of the write order while they undo: each undo once.

The ledger of the systems outside is in another process. Two of three effects are there when an instance is given up;
of the third, half were done, and half wait for another try and are taken back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.acceptance import undoing
from tests.acceptance.journey import Subscriber
from tests.acceptance.site import Site, ended, running
from tests.crash.hosts import HOSTED_BY, points
from tests.crash.points import KILLED
from tests.crash.points import LATER as AT_START
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
    counts = (1, LATER) if processor == "orchestrate" else (1,)
    kills = [(point, count) for count in counts for point in points(processor)]
    names = {kill: [f"{processor}-{kill[0]}-{kill[1]}-{number}" for number in range(CASES)] for kill in kills}
    every = [name for some in names.values() for name in some]
    subscriber = Subscriber(site, map(undoing.instance, every), undoing.WORKFLOW)
    await undoing.begin(site, every)
    site.workers.stop(worker)
    for (point, count), some in names.items():
        if processor == "recover":
            await site.away("mail", times=CASES)  # so that undos fail, and are tried again
        site.workers.start(worker, crash_at=f"{processor}:{point}:{_occurrence(point, count)}", restarts=False)
        await undoing.give_up(site, some)
        assert await ended(site, worker) == KILLED, f"{processor} did not reach {point}, with {count}"
    site.start(worker)
    figures = await undoing.verified(site, subscriber, every)
    assert figures[2] and figures[3], "the third effect is always there, or never"


def _occurrence(point: str, count: int) -> int:
    """Commits are few, and points of a start come once a start or a partition and are not those of undoing."""
    return {"after_commit": 2, **AT_START}.get(point, count) if count > 1 else count
