"""Support tickets on a whole site: each goes to a specialist who knows what it is about, by the people that are bundled
beside the workflow, and is answered by whom it was given to."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import ClientSession

from schemas import ids
from schemas.cloudevents import CloudEvent
from streams.processors.assign import people
from tests.acceptance.cases import ROOT
from tests.acceptance.journey import Subscriber
from tests.acceptance.site import ASK, Site

pytestmark = [pytest.mark.acceptance, pytest.mark.broker, pytest.mark.slow]
WORKFLOW, EVENT, SOURCE = "support-routing", "exlify.support.ticket-received.v1", "/acceptance/tickets"
PEOPLE = ROOT / "streams" / "workflows" / "support-desk" / people.FILE
TICKETS = {
    "arrival": ("bank", "My new card has not arrived yet, how long does it take?", "cards", {"ada", "bo"}),
    "stolen": ("bank", "My card was stolen yesterday, please block it", "security", {"ada", "lee"}),
    "twice": ("bank", "Why was I charged twice for the same transaction?", "payments", {"bo", "kim"}),
    "car": ("assistant", "how do i jump start a car battery", "general", {"lee"}),
    "umbrella": ("bank", "Do you sell umbrellas in the branch at the lake?", "accounts", {"kim", "lee"}),
}
SORTED = "umbrella"  # no model is sure of it


async def test_tickets_go_to_specialists_who_answer_them(site: Site) -> None:
    ours = site.settings.data_dir / "site" / people.FILE
    ours.write_text(PEOPLE.read_text())
    try:
        await site.until(lambda: site.applied("steps", people.FILE), "the people known")
        instances = {name: ids.instance_id(WORKFLOW, SOURCE, name) for name in TICKETS}
        subscriber = Subscriber(site, list(instances.values()), WORKFLOW)
        await site.publish(_event(name) for name in TICKETS for _ in range(2))
        async with ClientSession(site.gateway, timeout=ASK, raise_for_status=True) as http:
            (task,) = await _given(site, http, "support-triage", {instances[SORTED]})
            assert task["given_to"] in {"lee", "max"}
            await _answered(http, task, TICKETS[SORTED][2])
            tasks = await _given(site, http, "support-desk", {*instances.values()})
            given = {each["title"].rpartition(" ")[2]: each["given_to"] for each in tasks}
            assert [name for name in TICKETS if given[name] not in TICKETS[name][3]] == [], given
            for task in tasks:
                await _answered(http, task, "resolved", answer="Done.")
        outcomes = await subscriber.all_ended()
        assert not outcomes.contradicted
        for name, instance in instances.items():
            output = outcomes.decoded[instance]["output"].value()
            told = (output["team"], output["resolvedBy"], output["answer"])
            assert told == (TICKETS[name][2], given[name], "Done."), name
        await site.quiet()
    finally:
        ours.unlink()


def _event(name: str) -> CloudEvent:
    desk, text, *_ = TICKETS[name]
    head = {"specversion": "1.0", "id": name, "source": SOURCE, "type": EVENT}
    return CloudEvent(head, {"ticket_id": name, "desk": desk, "text": text})


async def _given(site: Site, http: ClientSession, team: str, instances: set[str]) -> list[dict[str, Any]]:
    """The open tasks of a team, once each of these instances has one that is given to somebody."""
    found: list[dict[str, Any]] = []

    async def they_are() -> bool:
        async with http.get("/v1/tasks", params={"team": team, "status": "open", "limit": "500"}) as reply:
            listed = (await reply.json())["tasks"]
        found[:] = [each for each in listed if each["instance_id"] in instances and each["given_to"]]
        return {each["instance_id"] for each in found} == instances

    await site.until(they_are, f"tasks of {team} given")
    return found


async def _answered(http: ClientSession, task: dict[str, Any], outcome: str, **data: str) -> None:
    said = {"outcome": outcome, "actor": task["given_to"], "data": data}
    await http.post(f"/v1/tasks/{quote(task['task_id'], safe='')}/complete", json=said)
