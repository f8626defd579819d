"""Every panel has its data in a real Prometheus, which has watched a run with faults."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import ClientSession
from ruamel.yaml import YAML

from infra import prometheus
from infra.dashboards import boards
from infra.local import ports
from infra.local.process import Process
from infra.prometheus import server
from models.serving.registry import Registry
from streams.ground.publish import Outgoing, Publisher
from streams.processors import own
from streams.processors.plain import JSON_EVENTS
from tests.acceptance import replaying
from tests.acceptance.cases import made_up
from tests.acceptance.journey import Subscriber, deliver, reviewers
from tests.acceptance.site import ASK, LOOK_S, WORKERS, Site, running
from tests.support import brokers
from tests.support.figures import Report
from tests.support.model_folders import models_folder
from tests.support.series import RULES

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
# What can go wrong with one event: a call in doubt, a model that cannot be used, a step that hangs.
UNLUCKY = """
document: {dsl: 1.0.3, namespace: chaos, name: unlucky, version: 1.0.0}
schedule: {on: {one: {with: {type: chaos.unlucky.v1}}}}
do:
  - all:
      fork:
        branches:
          - send:
              call: http
              with: {method: post, endpoint: 'connection://mail/mail/messages', body: {to: a, template: b}}
          - judge: {call: decide, with: {model: credit-approval, input: {}}}
          - count: {call: chaos.counted, with: {number: 1}}
          - hang: {call: chaos.hung}
"""
STEPS = """
import time

from streams.steps import Context, step


@step("chaos.counted", effect="read")
def counted(number: int, context: Context) -> int:
    context.count("seen", number)
    return number


@step("chaos.hung", effect="read", timeout=1)
def hung() -> None:
    time.sleep(600)
"""
# One that cannot be found, while that of the product goes on deciding what it is asked; of one, people look at all.
MODELS = '[active]\ncredit-approval = {version = "9", sha256 = "00"}\naudited = {version = "1", audit = 100}\n'
AUDITED = f"""
document: {{dsl: 1.0.3, namespace: chaos, name: audited, version: 1.0.0}}
schedule: {{on: {{one: {{with: {{type: chaos.ticked.v1}}}}}}}}
do:
  - judge:
      call: decide
      with: {{model: audited, input: {json.dumps(dict(Registry().get("credit-risk").card.reference.values))}}}
"""
FILES = """
rows:
  folder: {folder}
  format: {{type: csv, header: true}}
  type: chaos.row.v1
  every: 1s
  settle: 0ms
"""
CONNECTIONS = "mail: {url: 'http://127.0.0.1:9', rate: 1/s, cost: 0.1}\n"  # the address is that of the environment
# Of these nothing is to be seen here: a log that lost its end (tests/integration/test_shortened.py has one), a
# processor that nobody hosts, an instance or an undo that does not get on, and two thousand cases of a model.
QUIET = {
    "exlify_shortened_inputs_total",
    "exlify_processor_unhosted",
    "exlify_idle_instance_seconds",
    "exlify_undo_standing_seconds",
    "exlify_model_drifted_fields",
}
PARKED_A_MINUTE, GARBAGE = 4, 12


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    folder = tmp_path / "site"
    for each in (folder / "models", tmp_path / "incoming"):
        each.mkdir(parents=True)
    models_folder(folder / "models", "audited")
    (tmp_path / "incoming" / "rows.csv").write_text("number\n1\n2\n")
    for file, text in {
        "channels.yaml": CHANNELS, "connections.yaml": CONNECTIONS, "steps/chaos.py": STEPS,
        "models/active.toml": MODELS, "files.yaml": FILES.format(folder=tmp_path / "incoming"),
    }.items():  # fmt: skip
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_text(text)
    monkeypatch.setitem(WORKERS, own.WORKER, (*WORKERS[own.WORKER], "--steps", str(folder / "steps")))
    environ = {"EXLIFY_SITE_DIR": str(folder), "EXLIFY_MAX_PARKED_PER_MINUTE": str(PARKED_A_MINUTE)}
    kafka = brokers.chosen(tmp_path).kafka()
    with kafka as bootstrap, running(bootstrap, tmp_path, **environ) as started:
        yield started


async def happening_by_itself(site: Site) -> None:
    """Starts by time, an event in between for each, and starts that are held."""
    async with ClientSession(site.gateway, timeout=ASK, raise_for_status=True) as http:
        for text in (HELD, TICKING, UNLUCKY, AUDITED):
            await http.post("/v1/definitions", data=text, headers={"Content-Type": "application/yaml"})
        await http.post("/v1/definitions/held/pause", json={"why": "watched"})


async def unlucky(site: Site, number: int) -> None:
    """An event with which all goes wrong, one that nobody waits for, and one that is none."""
    await site.lost("mail", 3)
    async with ClientSession(site.gateway, timeout=ASK, raise_for_status=True) as http:
        for kind in ("unlucky", "unheard-of"):
            event = {
                "specversion": "1.0",
                "id": f"{number}",
                "source": "/chaos",
                "type": f"chaos.{kind}.v1",
                "data": {},
            }
            await http.post("/v1/events", json=event, headers={"Content-Type": "application/cloudevents+json"})
    async with Publisher(site.settings) as publisher:
        await publisher.publish(Outgoing(JSON_EVENTS, b"same partition", b"no JSON", ()) for _ in range(GARBAGE))


async def agreed(site: Site) -> None:
    """People agree with some of what a model has decided."""
    async with ClientSession(site.gateway, timeout=ASK, raise_for_status=True) as http:
        reply = await http.get("/v1/tasks", params={"team": "audit", "status": "open", "limit": "5"})
        for task in (await reply.json())["tasks"]:
            answer = {"outcome": "approve", "actor": "kim"}
            await http.post(f"/v1/tasks/{quote(task['task_id'])}/complete", json=answer)


async def forgotten(site: Site) -> None:
    """A worker is killed and loses what it has stored, so that it reads its changelogs again."""
    site.workers.kill("engine")
    await asyncio.to_thread(shutil.rmtree, site.settings.data_dir / "state" / "engine")
    site.start("engine")


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
