"""Card payments on a whole site: what others paid at a terminal, and disputed, locks the account of the next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import ClientSession

from schemas import ids
from schemas.cloudevents import CloudEvent
from tests.acceptance.cases import ROOT
from tests.acceptance.journey import Subscriber
from tests.acceptance.site import ASK, Site

pytestmark = [pytest.mark.acceptance, pytest.mark.broker, pytest.mark.slow]
SOURCE, TERMINAL, OTHERS = "/acceptance/payments", "T-acceptance", 12
PAY, DISPUTE = "card-payment", "card-dispute"


async def test_disputed_payments_lock_the_next_account_at_their_terminal(site: Site) -> None:
    await site.deploy(*((ROOT / "streams" / "workflows" / f"{name}.yaml").read_text() for name in (PAY, DISPUTE)))
    noon = (datetime.now(UTC) - timedelta(hours=12)).replace(
        hour=12, minute=0
    )  # the last one: at night more are frauds
    at = noon.isoformat()
    before = [_payment(f"P-{number}", f"card-{number}", at) for number in range(OTHERS)]
    paid = await _outcomes(site, PAY, "exlify.payments.card-payment-asked.v1", before)
    assert [each["paid"] for each in paid] == [True] * OTHERS
    disputed = await _outcomes(site, DISPUTE, "exlify.payments.card-payment-disputed.v1", before[::2])
    assert [each["counted"] for each in disputed] == [True] * len(before[::2])

    last = _payment("P-last", "card-last", datetime.now(UTC).isoformat())  # what is known today counts from today on
    subscriber = Subscriber(site, [ids.instance_id(PAY, SOURCE, "P-last")], PAY)
    await _publish(site, "exlify.payments.card-payment-asked.v1", [last])
    async with ClientSession(site.gateway, timeout=ASK, raise_for_status=True) as http:
        await site.until(lambda: _tasks(http, 1), "somebody is asked")
        (task,) = await _open(http)
        shown = task["input"]["payment"]
        assert (shown["payment_id"], shown["card"]) == ("P-last", "card-last")
        said = {"outcome": "fraud", "actor": "kim"}
        await http.post(f"/v1/tasks/{quote(task['task_id'], safe='')}/complete", json=said)
    (ended,) = (await subscriber.all_ended()).decoded.values()
    output = ended["output"].value()
    assert (output["paid"], output["locked"]) == (False, True)


def _payment(payment_id: str, card: str, at: str) -> dict[str, Any]:
    return {"payment_id": payment_id, "card": card, "terminal": TERMINAL, "amount": 35.0, "at": at}


async def _publish(site: Site, kind: str, payments: Sequence[dict[str, Any]]) -> None:
    """Each twice."""
    events = [
        CloudEvent({"specversion": "1.0", "id": each["payment_id"], "source": SOURCE, "type": kind}, each)
        for each in payments
        for _ in range(2)
    ]
    await site.publish(events)


async def _outcomes(site: Site, workflow: str, kind: str, payments: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    instances = [ids.instance_id(workflow, SOURCE, each["payment_id"]) for each in payments]
    subscriber = Subscriber(site, instances, workflow)
    await _publish(site, kind, payments)
    outcomes = await subscriber.all_ended()
    assert not outcomes.contradicted
    return [outcomes.decoded[instance]["output"].value() for instance in instances]


async def _open(http: ClientSession) -> list[dict[str, Any]]:
    async with http.get("/v1/tasks", params={"team": "card-fraud", "status": "open"}) as reply:
        found = (await reply.json())["tasks"]
    return [await (await http.get(f"/v1/tasks/{quote(each['task_id'], safe='')}")).json() for each in found]


async def _tasks(http: ClientSession, count: int) -> bool:
    async with http.get("/v1/tasks", params={"team": "card-fraud", "status": "open"}) as reply:
        return len((await reply.json())["tasks"]) == count
