"""The people who mend what waits: they look whether a deed was done, and decide so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from aiohttp import ClientSession

from tests.acceptance.site import ASK
from tests.chaos import evidence
from tests.chaos.judging import ONCE
from tests.chaos.run import Scene

DOERS = {place: (system,) for system, place in ONCE.items()} | {"/do/3/charge": ("charges", "till")}
"""Who may have done what a step does, where doing it again is not the same."""


async def mended(stage: Scene) -> int:
    """Decides about every incident, also about those that come of it, until all has ended; gives how many they were."""
    decided: set[str] = set()

    async def step() -> bool:
        while stage.watch.fetch():
            continue
        for instance, waiting in stage.watch.waiting.items():
            for incident in waiting:
                if incident["incident_id"] not in decided and await _decided(http, stage, instance, incident):
                    decided.add(incident["incident_id"])
        return stage.cases.keys() <= stage.watch.outcomes.keys()

    async with ClientSession(stage.site.gateway, timeout=ASK) as http:
        await stage.site.until(step, "all mended")
    return len(decided)


async def _decided(http: ClientSession, stage: Scene, instance: str, incident: Mapping[str, Any]) -> bool:
    """Whether it is done; the gateway may not know of the incident yet."""
    wish = {"why": "looked at the ledger", "actor": "people", "incident": incident["incident_id"]}
    case = stage.cases[instance]
    skips = _was_done(stage, case, incident["pointer"])
    more: Mapping[str, Any] = {"output": {"id": case, "receipt": "as the ledger says"}} if skips else {}
    path = f"/v1/instances/{quote(instance)}/{'skip' if skips else 'retry'}"
    headers = {"Idempotency-Key": incident["incident_id"]}
    async with http.post(path, json={**wish, **more}, headers=headers) as reply:
        return reply.status in (200, 202)


def _was_done(stage: Scene, case: str, pointer: str) -> bool:
    systems = DOERS.get(pointer, ())
    return any(line["system"] in systems and line["case"] == case for line in evidence.ledger(stage.folder))
