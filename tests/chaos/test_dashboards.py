"""Every panel has its data in a real Prometheus, which has watched a run with faults."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from aiohttp import ClientSession
from ruamel.yaml import YAML

from infra.dashboards import boards
from infra.prometheus import server
from streams.processors import own
from tests.acceptance import replaying
from tests.acceptance.cases import made_up
from tests.acceptance.journey import Subscriber, deliver, reviewers
from tests.acceptance.site import LOOK_S, Site
from tests.chaos.mishaps import agreed, asked, forgotten, happening_by_itself, unlucky, unlucky_site, watched
from tests.support.figures import Report
from tests.support.series import RULES

pytestmark = [
    pytest.mark.broker,
    pytest.mark.chaos,
    pytest.mark.skipif(shutil.which(server.PROGRAM) is None, reason="prometheus is not here: make peers"),
]
# Of these nothing is to be seen here: a log that lost its end (tests/integration/test_shortened.py has one), a
# processor that nobody hosts, an instance or an undo that does not get on, and two thousand cases of a model.
QUIET = {
    "exlify_shortened_inputs_total",
    "exlify_processor_unhosted",
    "exlify_idle_instance_seconds",
    "exlify_undo_standing_seconds",
    "exlify_model_drifted_fields",
}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with unlucky_site(tmp_path, monkeypatch) as started:
        yield started


def queries() -> list[str]:
    """Those of all panels; what Kafka tells of itself is watched by `exlify up --watch` (integration/infra/test_up)."""
    shown = [board for name, board in boards().items() if name != "kafka.json"]
    panels = [panel for board in shown for panel in json.loads(board)["panels"]]
    return sorted({target["expr"] for panel in panels for target in panel.get("targets", ())})


def recorded() -> list[str]:
    groups = YAML(typ="safe").load(server.HERE / "slo.yml")["groups"]
    return [rule["record"] for group in groups for rule in group["rules"] if "record" in rule]


def looked_at() -> list[str]:
    """The series that alerts look at."""
    return sorted(
        {f"count({name})" for rule in RULES for name in re.findall(r"\bexlify[_:][\w:]+|\bup\b", rule["expr"])}
    )


def of_the_last(query: str) -> bool:
    """Whether it tells of what keeps the rest from happening: no worker for own steps, a store that is lost."""
    return any(name in query for name in ("own_steps_unhosted", "recovered_records"))


async def test_every_panel_has_data(site: Site, report: Report) -> None:
    cases = made_up("watched", 60)
    subscriber = Subscriber(site, (case.instance_id for case in cases))
    missing = [*queries(), *recorded(), *looked_at()]
    missing = [query for query in missing if not QUIET & set(re.findall(r"exlify_\w+", query))]
    wanted = len(missing)

    async def look(http: ClientSession) -> None:
        """Each has to give something at one time or another: some tell of the last minute only."""
        while missing:
            for query in list(missing):
                if await asked(http, query):
                    missing.remove(query)
            await asyncio.sleep(LOOK_S)

    async def has_data(http: ClientSession, query: str) -> bool:
        return bool(await asked(http, query))

    async def all_there(last: bool) -> bool:
        return not [query for query in missing if last or not of_the_last(query)]

    async def all_seen(last: bool) -> None:
        try:
            async with asyncio.timeout(150):
                await site.until(partial(all_there, last), "every panel has data")
        except TimeoutError:
            raise AssertionError("without data:\n" + "\n".join(missing)) from None

    async with watched(site) as http:
        looking = asyncio.create_task(look(http))
        await happening_by_itself(site)
        async with reviewers(site):
            for count in (20, 40, 60):  # a series that begins has no rate yet
                await unlucky(site, count)
                await agreed(site)
                await deliver(site, cases[count - 20 : count])
                begun = f'sum(exlify_instances_total{{status="started"}}) >= {count}'
                await site.until(partial(has_data, http, begun), "Prometheus has seen them begin")
            await subscriber.all_ended()
            await replaying.begun(site, topics=[replaying.TOPIC], name="watched", rate=5)
            await site.away("mail", 10_000)
            await deliver(site, made_up("stopped", 10))  # which wait for a decision soon
        (site.settings.data_dir / "site" / "calendars.yaml").write_text("office: whenever\n")
        await all_seen(last=False)
        site.workers.signal(own.WORKER, signal.SIGSTOP)  # nobody hosts own steps for a while
        await unlucky(site, 80)
        await forgotten(site)
        await all_seen(last=True)
        await looking
        status = await (await http.get("/api/v1/rules", params={"type": "alert"})).json()
        rules = [rule for group in status["data"]["groups"] for rule in group["rules"]]
        assert len(rules) > 20 and {rule["health"] for rule in rules} <= {"ok", "unknown"}
    report(with_data=wanted, queries=len(queries()), recorded=len(recorded()), alerts=len(rules))
