"""What fails for a cause outside waits, says for what, and goes on with one command once the cause is mended."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.acceptance.site import ASK, Site
from tests.support import peers

pytestmark = [pytest.mark.acceptance, pytest.mark.broker]
COUNT = 20
EVENT = "acceptance.lookup.v1"
DEFINITION = f"""
document: {{dsl: '1.0.3', namespace: acceptance, name: lookup, version: '1.0.0'}}
schedule: {{on: {{one: {{with: {{type: {EVENT}}}}}}}}}
do:
  - ask: {{call: http, with: {{method: get, endpoint: {{uri: connection://ledger-of-erp/ledger/erp}}}}}}
  - note: {{set: {{asked: true}}}}
"""
CHANNELS = """
channels: {{team: {{webhook: '{url}', effect: keyed}}}}
ladders: {{usual: [{{tell: [team]}}]}}
rules: [{{cause: incident, workflow: lookup, older: 1s}}]
"""


async def test_a_wrong_connection_is_an_incident_until_it_is_mended(site: Site) -> None:
    """The incidents are one alert, which is told once, and once that it has ended, although its worker is killed."""
    ours = ClientSession(site.gateway, timeout=ASK, raise_for_status=True)
    async with ours as http, peers.peer(peers.answers(peers.OK)) as team:
        folder = site.settings.data_dir / "site"
        (folder / "channels.yaml").write_text(CHANNELS.format(url=team.url))
        await site.until(lambda: site.applied("steps", "channels.yaml"), "channels.yaml in force")
        await http.post("/v1/definitions", data=DEFINITION, headers={"Content-Type": "application/yaml"})
        await asyncio.gather(*(_publish(http, number) for number in range(COUNT)))

        async def all_stopped() -> bool:
            return len(await _incidents(http, "open")) == COUNT

        await site.until(all_stopped, "an incident for each instance")
        found = await _incidents(http, "open")
        assert {(each["pointer"], each["reason"]) for each in found} == {("/do/0/ask", "MISCONFIGURED")}
        assert all("connections.yaml" in each["error"]["detail"] for each in found)
        assert not await _instances(http, "faulted")

        await site.until(lambda: _told(http, "open", [("opened", "told")]), "one alert, told")
        (folder / "connections.yaml").write_text(f"ledger-of-erp: {site.sandbox['control']}\n")
        for name in ("engine", "steps"):  # a crash meanwhile changes nothing, and the new process reads the file
            site.kill(name)
        await site.ready("engine", "steps")
        told = await site.command("retry", "--workflow", "lookup", "--why", "address given", "--json")
        assert [each["result"] for each in told] == ["retried"] * COUNT

        async def all_done() -> bool:
            return len(await _instances(http, "completed")) == COUNT

        await site.until(all_done, "every instance completed")
        assert not await _incidents(http, "open")
        assert len(await _incidents(http, "retried")) == COUNT
        await site.until(lambda: _told(http, "closed", [("opened", "told"), ("closed", "told")]), "its end, told")
        assert [json.loads(team.body(index))["event"] for index in range(team.count)] == ["opened", "closed"]


async def _publish(http: ClientSession, number: int) -> None:
    headers = {"ce-specversion": "1.0", "ce-id": str(number), "ce-source": "/acceptance", "ce-type": EVENT}
    await http.post("/v1/events", json={}, headers=headers)


async def _incidents(http: ClientSession, status: str) -> list[dict[str, Any]]:
    reply = await http.get("/v1/incidents", params={"workflow": "lookup", "status": status, "limit": "500"})
    found: list[dict[str, Any]] = (await reply.json())["incidents"]
    return found


async def _told(http: ClientSession, status: str, notices: list[tuple[str, str]]) -> bool:
    """Whether there is one alert of the workflow, with these notices."""
    reply = await http.get("/v1/alerts", params={"workflow": "lookup", "status": status})
    told = [[(n["event"], n["status"]) for n in each["notices"]] for each in (await reply.json())["alerts"]]
    return told == [notices]


async def _instances(http: ClientSession, status: str) -> list[dict[str, Any]]:
    reply = await http.get("/v1/instances", params={"workflow": "lookup", "status": status, "limit": "500"})
    found: list[dict[str, Any]] = (await reply.json())["instances"]
    return found
