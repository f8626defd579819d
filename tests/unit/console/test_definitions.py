"""The page of a workflow: what runs on which version, and whether anything starts."""

from __future__ import annotations

import pytest

from schemas.messages import WORKFLOW_STATE
from streams.definitions.deploy import described
from tests.support.consoles import Console
from tests.support.definitions import load
from tests.support.gateways import NOW_S, YAML


async def test_workflow_is_paused_and_activated_with_why(console: Console) -> None:
    _, page = await console.get("/workflows/order")
    wish = {"state": "paused", "why": "prices are wrong"}
    assert (await console.send("/workflows/order/state", page, wish))[:2] == (303, "/workflows/order")
    _, page = await console.get("/workflows/order")
    assert "prices are wrong" in page and "Its events wait" in page and "Paused" in page
    assert "paused" in (await console.get("/workflows"))[1]
    told = (await console.data("/audit?of=workflows"))["deeds"]
    assert [(each["did"], each["why"]) for each in told if each["why"]] == [("paused", "prices are wrong")]
    assert (await console.send("/workflows/order/state", page, {"state": "active", "why": "mended"}))[0] == 303
    said = [data for name, data in console.gateway.outbox.decoded() if name == WORKFLOW_STATE]
    assert [(each["state"], each["why"]) for each in said] == [("paused", "prices are wrong"), ("active", "mended")]


async def test_removed_version_is_in_the_audit_and_not_among_the_versions(console: Console) -> None:
    book = console.gateway.services.definitions
    first, following = load(YAML), YAML.replace("1.0.0", "1.1.0")
    book.learn(described(load(following), following, "sam", NOW_S * 1_000))
    gone = {"digest": first.digest, "name": "order", "version": "1.0.0", "why": "old", "actor": "kim", "at_ms": 1}
    book.learn_removal(gone)
    assert [each["version"] for each in (await console.data("/definitions"))["definitions"]] == ["1.1.0"]
    told = (await console.data("/audit?of=workflows"))["deeds"]
    assert [(each["did"], each["what"]) for each in told if each["actor"] == "kim"] == [("removed", "order 1.0.0")]
    assert {each["what"] for each in told if each["did"] == "deployed"} >= {"order 1.0.0", "order 1.1.0"}


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({"state": "gone", "why": "x"}, 422),
        ({"state": "paused", "why": ""}, 422),
        ({"state": "active", "why": "x"}, 409),
    ],
)
async def test_wish_that_means_nothing_is_refused(console: Console, wish: dict[str, str], status: int) -> None:
    _, page = await console.get("/workflows/order")
    assert (await console.send("/workflows/order/state", page, wish))[0] == status
    assert console.gateway.outbox.records == []
