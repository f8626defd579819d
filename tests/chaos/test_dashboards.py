"""Every panel has its data in a real Prometheus, which has watched a run with faults."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from ruamel.yaml import YAML

from infra import prometheus
from infra.dashboards import boards
from infra.local import ports
from infra.local.process import Process
from infra.prometheus import server
from tests.acceptance import replaying
from tests.acceptance.cases import made_up
from tests.acceptance.journey import Subscriber, deliver, reviewers
from tests.acceptance.site import ASK, Site, running
from tests.support import brokers
from tests.support.figures import Report

pytestmark = [
    pytest.mark.broker,
    pytest.mark.chaos,
    pytest.mark.skipif(shutil.which(server.PROGRAM) is None, reason="prometheus is not here: make peers"),
]
WINDOW = "1m"
# Nobody is there to be told, of a failed step that has waited for a second.
CHANNELS = """
channels: {team: {webhook: 'http://127.0.0.1:9/'}}
ladders: {usual: [{tell: [team]}]}
rules: [{cause: incident, older: 1s}]
"""
TICKING = """
document: {dsl: 1.0.3, namespace: chaos, name: ticking, version: 1.0.0}
schedule: {every: {seconds: 1}}
do:
  - tell: {emit: {event: {with: {type: chaos.ticked.v1, data: {at: '${ .scheduledAt }'}}}}}
  - hear:
      listen:
        to:
          one:
            with: {type: chaos.ticked.v1}
            correlate: {at: {from: .at, expect: '${ $workflow.input.scheduledAt }'}}
"""
HELD = """
document: {dsl: 1.0.3, namespace: chaos, name: held, version: 1.0.0}
schedule: {on: {one: {with: {type: chaos.ticked.v1}}}}
do: [note: {set: {}}]
"""
# Of these nothing is to be seen in a run in which nothing went so wrong.
QUIET = {
    "exlify_parking_held", "exlify_parked_records_total", "exlify_shortened_inputs_total", "exlify_model_faulty",
    "exlify_recovered_records_total",
    "exlify_steps_in_doubt_total", "exlify_own_steps_unhosted", "exlify_processor_unhosted",
    "exlify_idle_instance_seconds", "exlify_site_file_faulty", "exlify_site_file_info",
    "exlify_letters_total", "exlify_own_threads_lost", "exlify_own_counts_total", "exlify_calls_postponed_total",
    "exlify_gateway_events_total", "exlify_gateway_unmatched_events_total",
}  # fmt: skip


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "channels.yaml").write_text(CHANNELS)
    kafka = brokers.chosen(tmp_path).kafka()
    with kafka as bootstrap, running(bootstrap, tmp_path, EXLIFY_SITE_DIR=str(folder)) as started:
        yield started


async def happening_by_itself(site: Site) -> None:
    """Starts by time, an event in between for each, and starts that are held."""
    async with ClientSession(site.gateway, timeout=ASK, raise_for_status=True) as http:
        for text in (HELD, TICKING):
            await http.post("/v1/definitions", data=text, headers={"Content-Type": "application/yaml"})
        await http.post("/v1/definitions/held/pause", json={"why": "watched"})


@asynccontextmanager
async def watched(site: Site) -> AsyncIterator[ClientSession]:
    """A Prometheus that looks every second."""
    urls = {name: f"{site._url(name)}/metrics" for name in site.names}
    prometheus.write_targets(site.settings.data_dir, urls)
    (port,) = ports.new(1)
    process = await asyncio.to_thread(Process, server.launch(site.settings.data_dir, port, every_s=1))
    try:
        await site.until(lambda: asyncio.to_thread(server.is_ready, server.url_of(port)), "Prometheus ready")
        async with ClientSession(server.url_of(port), timeout=ASK) as http:
            yield http
    finally:
        process.kill()


async def asked(http: ClientSession, query: str) -> Sequence[Mapping[str, Any]]:
    """What a query gives; a query that is none fails."""
    reply = await http.get("/api/v1/query", params={"query": query.replace("$__rate_interval", WINDOW)})
    answer = await reply.json()
    assert answer["status"] == "success", f"{query}: {answer}"
    found: Sequence[Mapping[str, Any]] = answer["data"]["result"]
    return found


def queries() -> list[str]:
    """Those of all panels, and what the rules record or look at."""
    panels = [panel for board in boards().values() for panel in json.loads(board)["panels"]]
    return sorted({target["expr"] for panel in panels for target in panel.get("targets", ())})


def recorded() -> list[str]:
    groups = YAML(typ="safe").load(server.HERE / "slo.yml")["groups"]
    return [rule["record"] for group in groups for rule in group["rules"] if "record" in rule]


async def test_every_panel_has_data(site: Site, report: Report) -> None:
    cases = made_up("watched", 60)
    subscriber = Subscriber(site, (case.instance_id for case in cases))

    async def all_there(http: ClientSession, missing: list[str]) -> bool:
        """Whether each has given something, at one time or another: some tell of the last minute only."""
        missing[:] = [query for query in missing if not await asked(http, query)]
        return not missing

    missing = [*(query for query in queries() if not QUIET & set(re.findall(r"exlify_\w+", query))), *recorded()]
    wanted = len(missing)
    async with watched(site) as http:
        await site.away("mail", 3)
        await happening_by_itself(site)
        async with reviewers(site):
            for count in (20, 40, 60):  # a series that begins has no rate yet
                await deliver(site, cases[count - 20 : count])
                begun = f'sum(exlify_instances_total{{status="started"}}) >= {count}'
                await site.until(partial(all_there, http, [begun]), "Prometheus has seen them begin")
            await subscriber.all_ended()
            await replaying.begun(site, topics=[replaying.TOPIC], name="watched", rate=5)
            await site.away("mail", 10_000)
            await deliver(site, made_up("stopped", 10))  # which wait for a decision soon
        try:
            async with asyncio.timeout(75):
                await site.until(partial(all_there, http, missing), "every panel has data")
        except TimeoutError:
            raise AssertionError("without data:\n" + "\n".join(missing)) from None
        for query in queries():
            await asked(http, query)
        status = await (await http.get("/api/v1/rules", params={"type": "alert"})).json()
        rules = [rule for group in status["data"]["groups"] for rule in group["rules"]]
        assert len(rules) > 20 and {rule["health"] for rule in rules} <= {"ok", "unknown"}
    report(with_data=wanted, queries=len(queries()), recorded=len(recorded()), alerts=len(rules))
