"""Asking for decisions."""

from __future__ import annotations

from schemas.catalogue import current
from schemas.messages import DECISION
from schemas.samples import sample
from tests.support.gateways import Gateway


def seen(gateway: Gateway, number: int, **fields: object) -> str:
    decision_id = f"{number:032x}/do/0/ask/0/0"
    gateway.see(DECISION, sample(current()[DECISION]) | {"decision_id": decision_id, "at_ms": number, **fields})
    return decision_id


async def test_decision_is_shown_in_full(gateway: Gateway) -> None:
    decision_id = seen(gateway, 1, held=[{"why": "MISSING", "field": "a", "text": "a: missing"}])
    status, shown = await gateway.ask("GET", f"/v1/decisions/{decision_id}")
    assert (status, shown["decision_id"], shown["held"][0]["why"]) == (200, decision_id, "MISSING")


async def test_unknown_decision_is_not_found(gateway: Gateway) -> None:
    assert (await gateway.ask("GET", "/v1/decisions/no/such"))[0] == 404


async def test_decisions_are_filtered_and_paged_newest_first(gateway: Gateway) -> None:
    ids = [seen(gateway, number, model="risk") for number in range(1, 4)]
    seen(gateway, 9, model="other")
    _, first = await gateway.ask("GET", "/v1/decisions?model=risk&limit=2")
    _, second = await gateway.ask("GET", f"/v1/decisions?model=risk&limit=2&cursor={first['next']}")
    found = [each["decision_id"] for each in first["decisions"] + second["decisions"]]
    assert (found, second["next"]) == (ids[::-1], None)
    _, bounded = await gateway.ask("GET", "/v1/decisions?until=1970-01-01T00:00:00.003Z")
    assert len(bounded["decisions"]) == 2
