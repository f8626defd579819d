"""All that a definition can say, while those who carry it out are killed at every named point of the write order.

Every event is told twice, before the instance starts or after it, and some when nobody waits any longer; timers fall
due in the same millisecond. In the end each instance and each child has ended once, as without the kills, and folding
the recorded inbox gives the bytes that the table and the history hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.catalogue import PROCESSORS
from tests.acceptance import language, refold
from tests.acceptance.site import Site, ended, working
from tests.crash.hosts import points
from tests.crash.points import KILLED, LATER
from tests.support import brokers

NAMES = tuple(dict.fromkeys(PROCESSORS[each].worker for each in ("intake", "orchestrate")))
WORKER = PROCESSORS["orchestrate"].worker
TOLD = 2  # names for each point
MIDDLE = {"orchestrate": 4, "correlate": 3}  # an occurrence at which much is under way
EARLIER = {**LATER, "after_commit": 2}  # commits are few


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site with no more than the workers that carry out the language."""
    with brokers.chosen(tmp_path).kafka() as bootstrap, working(bootstrap, tmp_path, {}, (), NAMES) as started:
        yield started


@pytest.mark.crash
async def test_kills_at_every_point_change_nothing_that_is_said(site: Site) -> None:
    await language.prepare(site)
    kills = [(processor, point) for processor in MIDDLE for point in points(processor)]
    names = {kill: [f"{kill[0]}-{kill[1]}-{number}" for number in range(TOLD)] for kill in kills}
    every = [name for some in names.values() for name in some]
    subscribed = language.subscribers(site, every)
    site.workers.stop(WORKER)
    for (processor, point), some in names.items():
        count = EARLIER.get(point, MIDDLE[processor])
        site.workers.start(WORKER, crash_at=f"{processor}:{point}:{count}", restarts=False)
        await language.happen(site, some)
        assert await ended(site, WORKER) == KILLED, f"{processor} did not reach {point}, with {count}"
    site.start(WORKER)
    await language.verified(subscribed, every)
    await site.quiet()
    fold = refold.folded_inbox(site)
    assert refold.changelog_table(site) == refold.Table(fold.rows, fold.offsets)
    assert refold.history(site) == fold.entries
