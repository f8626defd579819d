"""The inbox is the truth: folding what was recorded through the engine again gives the same bytes, after kills too."""

from __future__ import annotations

import asyncio

import pytest

from streams import engine
from tests.acceptance import refold
from tests.acceptance.cases import made_up
from tests.acceptance.journey import Subscriber, deliver, reviewers
from tests.acceptance.site import Site
from tests.support.figures import Report

pytestmark = [pytest.mark.acceptance, pytest.mark.broker, pytest.mark.slow]


@pytest.fixture(scope="module")
def recorded(site: Site) -> Site:
    """A site at rest with instances that have ended and instances that wait, whose engine was killed on the way."""
    asyncio.run(_record(site))
    return site


async def _record(site: Site) -> None:
    ended, waiting = made_up("ended", 40), made_up("waiting", 40, seed=21)
    subscriber = Subscriber(site, (case.instance_id for case in ended))
    async with reviewers(site):
        await deliver(site, ended, times=2)
        site.kill("engine")
        await subscriber.all_ended()
    await deliver(site, waiting)
    await subscriber.until_quiet()


async def test_inbox_folds_to_the_same_states(recorded: Site, report: Report) -> None:
    fold = refold.folded_inbox(recorded)
    live = sum(isinstance(state, engine.Instance) for state in fold.states.values())
    report(live=live, ended=len(fold.states) - live)
    assert live and live < len(fold.states)
    assert refold.changelog_table(recorded) == refold.Table(fold.rows, fold.offsets)


async def test_inbox_folds_to_the_stored_rows(recorded: Site) -> None:
    recorded.workers.stop("engine")
    try:
        fold = refold.folded_inbox(recorded)
        assert refold.stored_table(recorded) == refold.Table(fold.rows, fold.offsets)
    finally:
        recorded.start("engine")
        await recorded.ready("engine")


async def test_inbox_folds_to_the_same_history(recorded: Site, report: Report) -> None:
    entries = refold.history(recorded)
    report(entries=sum(map(len, entries.values())))
    assert entries == refold.folded_inbox(recorded).entries


async def test_history_alone_rebuilds_every_state(recorded: Site) -> None:
    fold = refold.folded_history(recorded, refold.history(recorded))
    assert fold.rows == refold.changelog_table(recorded).rows
