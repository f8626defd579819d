"""An instance's page: standing still, going on, and the same case once more."""

from __future__ import annotations

from schemas.messages import CONTROL_INSTANCE, INSTANCE_ACT, START_INSTANCE
from tests.support.consoles import INSTANCE, NOW_MS, Console, change, payload


async def test_instance_is_suspended_and_resumed_with_why(console: Console) -> None:
    console.began()
    _, page = await console.get(f"/instances/{INSTANCE}?ask=suspend")
    assert "Suspend?" in page
    wish = {"action": "suspend", "why": "the customer has called", "action_id": "mine"}
    assert (await console.send(f"/instances/{INSTANCE}/control", page, wish))[:2] == (303, f"/instances/{INSTANCE}")
    about = {"control": "mine", "action": "suspend", "actor": "kim", "why": "the customer has called"}
    console.entered(1, "suspended", b"", [change("workflow.suspended", data=payload(about))])
    _, page = await console.get(f"/instances/{INSTANCE}")
    assert "Suspended" in page and "?ask=resume" in page and "?ask=suspend" not in page
    assert "Is suspended by kim: the customer has called." in page
    assert "kim <b>suspended</b> it: the customer has called" in page and "Nobody had to decide" not in page
    assert (await console.send(f"/instances/{INSTANCE}/control", page, {"action": "resume", "why": "x"}))[0] == 303
    said = [data for name, data in console.gateway.outbox.decoded() if name == CONTROL_INSTANCE]
    assert [(each["action"], each["why"]) for each in said] == [("suspend", "the customer has called"), ("resume", "x")]
    assert said[0]["control_id"] == "mine" and said[0]["actor"]


async def test_what_was_done_about_instances_is_in_the_audit(console: Console) -> None:
    act = {"instance_id": INSTANCE, "seq": 1, "action": "suspend", "workflow": "order", "business_key": "A-7",
           "actor": "kim", "why": "prices", "at_ms": NOW_MS, "refused": False}  # fmt: skip
    console.gateway.see(INSTANCE_ACT, act)
    console.gateway.see(INSTANCE_ACT, act | {"seq": 2, "action": "rerun", "at_ms": NOW_MS + 1})
    told = (await console.data("/audit?of=instances"))["deeds"]
    assert [(each["did"], each["actor"], each["why"]) for each in told] == [
        ("ran again the case of", "kim", "prices"), ("suspended", "kim", "prices"),
    ]  # fmt: skip


async def test_act_that_is_none_is_refused(console: Console) -> None:
    console.began()
    _, page = await console.get(f"/instances/{INSTANCE}")
    for wish, status in (({"action": "dance", "why": "x"}, 422), ({"action": "suspend", "why": ""}, 422)):
        assert (await console.send(f"/instances/{INSTANCE}/control", page, wish))[0] == status
    assert not [name for name, _ in console.gateway.outbox.decoded() if name in (CONTROL_INSTANCE, START_INSTANCE)]
