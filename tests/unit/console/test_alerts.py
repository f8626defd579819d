"""Alerts at the console: found from the overview, taken on and silenced from their page."""

from __future__ import annotations

from schemas.messages import ALERT, ALERT_ACTION
from tests.support.consoles import ALERT_ID, NOW_MS, Console, alert


async def test_an_alert_is_told_on_the_overview_and_shown_with_who_is_told_next(console: Console) -> None:
    assert "alert is" not in (await console.get("/"))[1]
    console.gateway.see(ALERT, alert())
    assert "1 alert is open" in (await console.get("/"))[1]
    _, page = await console.get("/alerts")
    assert "order waits" in page and "Critical" in page and "nobody yet; next in 1 min" in page
    console.gateway.see(ALERT, alert(seq=2, status="closed", closed_at_ms=NOW_MS))
    _, page = await console.get("/alerts")
    assert "Nothing is to be told" in page and "Ended of late" in page


async def test_it_is_taken_on_or_silenced_with_why(console: Console) -> None:
    console.gateway.see(ALERT, alert())
    _, page = await console.get("/alerts")
    for wish in {"act": "ack"}, {"act": "silence", "for": "4 hours"}, {"act": "silence", "for": "no longer"}:
        assert (await console.send(f"/alerts/{ALERT_ID}", page, {**wish, "why": "calling"}))[:2] == (303, "/alerts")
    said = [data for name, data in console.gateway.outbox.decoded() if name == ALERT_ACTION]
    assert [(each["action"], each["until_ms"], each["why"]) for each in said] == [
        ("ack", None, "calling"), ("silence", NOW_MS + 4 * 3_600_000, "calling"), ("silence", None, "calling"),
    ]  # fmt: skip
    for wish, status in ({"act": "ack", "why": ""}, 422), ({"act": "burn", "why": "x"}, 422):
        assert (await console.send(f"/alerts/{ALERT_ID}", page, wish))[0] == status
    assert (await console.send(f"/alerts/{'9' * 32}", page, {"act": "ack", "why": "x"}))[0] == 404
