"""`/v1/alerts`: what nobody has mended is found, taken on and silenced, and each decision told what became of it."""

from __future__ import annotations

from typing import Any

from schemas.messages import ALERT, ALERT_ACTION
from tests.support.gateways import Gateway

WHY = {"why": "calling them", "actor": "ada"}


def alert(number: int, **more: Any) -> dict[str, Any]:
    notice = {
        "number": 1, "channel": "team", "event": "opened", "status": "told", "tries": 0, "due_ms": 0, "at_ms": 5,
        "reason": None, "reference": None,
    }  # fmt: skip
    return {
        "alert_id": f"{number:032x}", "seq": 1, "kind": "incident", "status": "open", "severity": "warning",
        "title": "order waits", "workflow": "order", "owner": "desk", "count": 2, "total": 3, "since_ms": 0,
        "opened_at_ms": 1_000 + number, "changed_at_ms": 1_000, "rung": 1, "notices": [notice], **more,
    }  # fmt: skip


async def found(gateway: Gateway, query: str = "") -> list[int]:
    status, page = await gateway.ask("GET", f"/v1/alerts?{query}")
    assert status == 200
    return [int(each["alert_id"], 16) for each in page["alerts"]]


async def test_alerts_are_found_newest_first(gateway: Gateway) -> None:
    gateway.see(ALERT, alert(1))
    gateway.see(ALERT, alert(2, kind="model", severity="critical", workflow=None))
    gateway.see(ALERT, alert(3))
    gateway.see(ALERT, alert(3, seq=2, status="closed", closed_at_ms=9))
    assert await found(gateway) == [3, 2, 1]
    assert await found(gateway, "status=open&kind=incident") == [1]
    assert await found(gateway, "severity=critical") == [2]
    assert await found(gateway, f"alert_id={'0' * 31}2") == [2]
    assert gateway.services.reader.alerts_open() == {("incident", "warning"): 1, ("model", "critical"): 1}
    assert (await gateway.ask("GET", "/v1/alerts?kind=rain"))[0] == 400
    status, shown = await gateway.ask("GET", f"/v1/alerts/{1:032x}")
    assert (status, shown["title"], shown["notices"][0]["status"]) == (200, "order waits", "told")
    assert (await gateway.ask("GET", f"/v1/alerts/{9:032x}"))[0] == 404


async def test_a_decision_is_told_what_became_of_it(gateway: Gateway) -> None:
    gateway.see(ALERT, alert(1))
    path, key = f"/v1/alerts/{1:032x}", {"Idempotency-Key": "k1"}
    assert (await gateway.ask("POST", f"{path}/ack", json=WHY, headers=key))[0] == 202  # nobody has seen to it yet
    ((name, data),) = gateway.outbox.decoded()
    assert (name, data["action"], data["actor"], data["action_id"]) == (ALERT_ACTION, "ack", "ada", "k1")
    gateway.see(ALERT, alert(1, seq=2, acknowledged_by="ada", action_id="k1"))
    status, shown = await gateway.ask("POST", f"{path}/ack", json=WHY, headers=key)
    assert (status, shown["acknowledged_by"]) == (200, "ada")
    gateway.see(ALERT, alert(1, seq=3, action_id="k2", refused="it has ended already"))
    status, refusal = await gateway.ask("POST", f"{path}/ack", json=WHY, headers={"Idempotency-Key": "k2"})
    assert (status, refusal["detail"]) == (409, "Refused: it has ended already.")
    assert (await gateway.ask("POST", f"/v1/alerts/{7:032x}/ack", json=WHY))[0] == 404


async def test_a_silence_ends_in_the_future_or_now(gateway: Gateway) -> None:
    gateway.see(ALERT, alert(1))
    path = f"/v1/alerts/{1:032x}/silence"
    assert (await gateway.ask("POST", path, json={**WHY, "until": "2001-01-01T00:00:00Z"}))[0] == 422
    assert (await gateway.ask("POST", path, json={"until": "2099-01-01T00:00:00Z"}))[0] == 422
    for until, expected in ("2099-01-01T00:00:00Z", 4_070_908_800_000), (None, None):
        assert (await gateway.ask("POST", path, json={**WHY, "until": until}))[0] == 202
        assert gateway.outbox.decoded()[-1][1]["until_ms"] == expected
