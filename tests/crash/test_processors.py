"""The real processors, each killed at every named point of the write order, while customer onboarding runs on a site.

Every application is delivered twice. In the end there is one outcome for each, as model, reviewers and outside systems
say, and the outside systems did each thing once.
"""

import asyncio
from collections.abc import Iterator

import pytest

from streams.cli.up import WORKERS
from streams.runtime.crash import POINTS
from tests.acceptance import onboarding
from tests.acceptance.cases import made_up
from tests.acceptance.journey import Subscriber, deliver, reviewers
from tests.acceptance.site import LOOK_S, PATIENCE_S, Site, running
from tests.crash.test_kill_points import KILLED, NEEDS_TABLE
from tests.support import brokers

HAVE_TABLES = {"orchestrate", "call", "human"}
HOSTED_BY = {processor: worker for worker, hosted in WORKERS.items() for processor in hosted.split(",")}
CASES = [(name, point) for name in HOSTED_BY for point in POINTS if name in HAVE_TABLES or point not in NEEDS_TABLE]
APPLICATIONS = 12


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site of this module's own."""
    folder = tmp_path_factory.mktemp("site")
    with brokers.chosen(folder).kafka() as bootstrap, running(bootstrap, folder) as started:
        yield started


@pytest.mark.crash
@pytest.mark.parametrize(("processor", "point"), CASES)
async def test_killed_processor_changes_no_outcome(site: Site, processor: str, point: str) -> None:
    worker = HOSTED_BY[processor]
    site.workers.stop(worker)
    site.workers.start(worker, crash_at=f"{processor}:{point}:1", restarts=False)
    cases = made_up(f"{processor}-{point}", APPLICATIONS)
    subscriber = Subscriber(site, (case.instance_id for case in cases))
    async with reviewers(site), site.slowed(onboarding.SLOW):
        await deliver(site, cases, times=2)
        assert await ended(site, worker) == KILLED, f"{processor} did not reach {point}"
        site.start(worker)
        await subscriber.all_ended()
    await site.ready()
    await onboarding.verified(site, cases, subscriber)


async def ended(site: Site, worker: str) -> int | None:
    """The exit code of a worker that is about to end."""
    async with asyncio.timeout(PATIENCE_S):
        while (code := site.workers.exit_code(worker)) is None:
            await asyncio.sleep(LOOK_S)
    return code
