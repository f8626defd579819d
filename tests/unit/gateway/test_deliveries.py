"""`/v1/deliveries`: which webhooks went out, told from what history knows; and sent once more, under their own id."""

from __future__ import annotations

import base64
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from schemas.messages import HISTORY_ENTRY, INCIDENT, REDELIVERY, REPAIR_STEP, RETRY_NOW, RETRY_STATE, SYSTEM_PAUSE
from schemas.reasons import Reason
from schemas.steps import problem
from streams.gateway.webhooks import verify
from streams.ground.settings import Settings
from streams.processors.call import REDELIVERIES
from streams.processors.call.gone import pause_of
from tests.support import peers
from tests.support.gateways import NOW_S, AsyncGateway, Gateway
from tests.support.stories import Story

SECRET = b"the secret of the shop"
YAML = """
document: {dsl: 1.0.3, namespace: test, name: told, version: 1.0.0}
do:
  - tell:
      call: webhook.send
      with: {connection: shop, body: {type: order.shipped, data: '${ .order }'}}
"""
CAUGHT = """
document: {dsl: 1.0.3, namespace: test, name: caught, version: 1.0.0}
do:
  - attempt:
      try:
        - tell: {call: webhook.send, with: {connection: shop, body: {type: order.shipped}}}
      catch: {do: [{go-on: {set: {told: false}}}]}
"""
SILENT = """
document: {dsl: 1.0.3, namespace: test, name: silent, version: 1.0.0}
do:
  - fetch: {call: http, with: {method: get, endpoint: 'connection://shop/x'}}
"""
TELL, IN_TRY = "/do/0/tell", "/do/0/attempt/try/0/tell"
AWAY = problem(Reason.UNREACHED, "POST shop: nobody answers", TELL)
NOW_MS = NOW_S * 1_000
Begun = tuple[Gateway, Story]


@asynccontextmanager
async def site(folder: Path, url: str = "http://127.0.0.1:1") -> AsyncIterator[Gateway]:
    (folder / "secret").write_text("whsec_" + base64.b64encode(SECRET).decode())
    connection = f"shop: {{url: '{url}', authentication: {{webhook: {{secret: '${{file:secret}}'}}}}}}\n"
    (folder / "connections.yaml").write_text(connection)
    async with AsyncGateway(Settings(data_dir=folder, site_dir=folder)) as running:
        yield running


def begun(gateway: Gateway, yaml: str = YAML, instance_id: str = "ab" * 16) -> Story:
    story = Story(yaml, instance_id)
    gateway.services.definitions.learn(story.definition)
    see(gateway, story.start({"order": {"number": 7}}, time_ms=NOW_MS))
    return story


def see(gateway: Gateway, entries: list[dict[str, Any]]) -> None:
    for entry in entries:
        gateway.see(HISTORY_ENTRY, entry)


async def listed(gateway: Gateway, query: str = "") -> list[dict[str, Any]]:
    status, page = await gateway.ask("GET", f"/v1/deliveries{query}")
    assert (status, page["next"], page["untold"]) == (200, None, 0)
    found: list[dict[str, Any]] = page["deliveries"]
    return found


async def shown(gateway: Gateway, story: Story, number: int = 1) -> dict[str, Any]:
    status, found = await gateway.ask("GET", f"/v1/deliveries/{story.instance_id}/{number}")
    assert status == 200
    return dict(found)


async def again(gateway: Gateway, story: Story, *, name: str = "once", why: str = "they lost it") -> tuple[int, Any]:
    path, wish = f"/v1/deliveries/{story.instance_id}/1/redeliver", {"why": why, "actor": "kim"}
    told = await gateway.ask("POST", path, json=wish, headers={"Idempotency-Key": name})
    for message, data in gateway.outbox.decoded():
        if message == REDELIVERY:
            gateway.see(message, data)
    return told


def waits_for_its_next_try(gateway: Gateway, story: Story, due_ms: int) -> None:
    see(gateway, story.failed_try(TELL, due_ms, error=AWAY))
    step = {"instance_id": story.instance_id, "pointer": TELL, "iteration": 0, "attempt": 0}
    gateway.see(
        RETRY_STATE,
        {**step, "function": "webhook.send", "status": "waiting", "retry": 1, "retries": 3, "due_ms": due_ms,
         "reason": "UNREACHED", "seq": 2, "at_ms": NOW_MS},
    )  # fmt: skip


async def test_delivery_is_told_from_the_moment_it_is_asked_for_to_its_end(tmp_path: Path) -> None:
    async with site(tmp_path) as gateway:
        story = begun(gateway)
        (sending,) = await listed(gateway)
        assert (sending["delivery_id"], sending["connection"], sending["status"]) == (
            f"{story.instance_id}/1", "shop", "sending",
        )  # fmt: skip
        waits_for_its_next_try(gateway, story, NOW_MS + 3_600_000)
        (waiting,) = await listed(gateway)
        assert (waiting["status"], waiting["tries"], waiting["next"]) == ("waiting", 1, "2026-09-21T15:13:20.000Z")
        assert (waiting["error"]["reason"], waiting["message_id"]) == ("UNREACHED", sending["message_id"])
        see(gateway, story.result(TELL, {"id": sending["message_id"], "status": 202}))
        found = await shown(gateway, story)
    assert (found["status"], found["next"], found["error"], found["incident_id"]) == ("delivered", None, None, None)
    assert [(each["status"], each["code"]) for each in found["all_tries"]] == [("failed", None), ("delivered", 202)]
    assert found["body"] == {"type": "order.shipped", "data": {"number": 7}}


async def test_try_that_is_due_is_under_way_or_held_where_its_endpoint_is_paused(tmp_path: Path) -> None:
    async with site(tmp_path) as gateway:
        story = begun(gateway)
        waits_for_its_next_try(gateway, story, NOW_MS - 1)
        assert [each["status"] for each in await listed(gateway)] == ["sending"]
        gateway.services.pauses.learn(pause_of("shop", NOW_MS))
        assert [each["status"] for each in await listed(gateway)] == ["held"]
        status, refused = await again(gateway, story)
    assert (status, gateway.outbox.records) == (409, [])
    assert "exlify systems resume" in refused["detail"]


async def test_list_is_narrowed_by_endpoint_status_and_time_and_knows_who_sends_nothing(tmp_path: Path) -> None:
    async with site(tmp_path) as gateway:
        told, failed = begun(gateway), begun(gateway, CAUGHT, "cd" * 16)
        begun(gateway, SILENT, "ef" * 16)
        see(gateway, told.result(TELL, {"id": "msg_1", "status": 200}))
        see(gateway, failed.fault(IN_TRY, **AWAY))
        wanted: Callable[[str], Any] = lambda query: listed(gateway, query)  # noqa: E731
        assert len(await wanted("")) == 2
        assert [each["instance_id"] for each in await wanted("?status=failed&connection=SHOP")] == [failed.instance_id]
        assert await wanted("?connection=other") == []
        assert [each["workflow"] for each in await wanted(f"?instance_id={'ab' * 3}")] == ["told"]
        at = (await wanted("?status=failed"))[0]["at"]
        assert len(await wanted(f"?since={at}")) == 2
        assert await wanted(f"?until={at}") == [] and await wanted("?since=2999-01-01T00:00:00Z") == []


async def test_pages_end_at_instances_and_nothing_is_left_out_or_told_twice(tmp_path: Path) -> None:
    async with site(tmp_path) as gateway:
        for number in range(5):
            begun(gateway, instance_id=f"{number:032x}")
        ids, cursor = [], ""
        for _ in range(5):
            _, page = await gateway.ask("GET", f"/v1/deliveries?limit=1{cursor}")
            ids += [each["instance_id"] for each in page["deliveries"]]
            cursor = f"&cursor={page['next']}"
        assert page["next"] is None
    assert sorted(ids) == [f"{number:032x}" for number in range(5)]


async def test_page_asks_the_read_model_as_often_for_many_as_for_few(tmp_path: Path) -> None:
    async with site(tmp_path) as gateway:
        asked: list[int] = []
        event.listen(gateway.services.reader.engine, "before_cursor_execute", lambda *_: asked.append(1))
        counts = []
        for number in range(30):
            story = begun(gateway, CAUGHT, f"{number:032x}")
            see(gateway, story.fault(IN_TRY, **AWAY))
            if number in (1, 29):
                asked.clear()
                assert len(await listed(gateway)) == number + 1
                counts.append(len(asked))
    assert counts[0] == counts[1] <= 4


async def test_what_was_done_about_one_is_not_told_of_another(tmp_path: Path) -> None:
    async with peers.peer(peers.status(200)) as peer, site(tmp_path, peer.url) as gateway:
        again_sent, stopped = begun(gateway, CAUGHT), begun(gateway, YAML, "cd" * 16)
        see(gateway, begun(gateway, CAUGHT, "ef" * 16).fault(IN_TRY, **AWAY))
        see(gateway, again_sent.fault(IN_TRY, **AWAY))
        see(gateway, stopped.fault(TELL, **AWAY))
        gateway.see(INCIDENT, stopped.incidents[0])
        assert (await again(gateway, again_sent))[1]["result"] == "delivered"
        found = {each["instance_id"]: each for each in await listed(gateway)}
    told = {name: (each["status"], each["tries"], each["incident_id"] is None) for name, each in found.items()}
    assert told == {
        again_sent.instance_id: ("delivered", 2, True),
        stopped.instance_id: ("failed", 1, False),
        "ef" * 16: ("failed", 1, True),
    }


async def test_history_that_is_not_whole_is_counted_and_not_guessed_at(tmp_path: Path) -> None:
    async with site(tmp_path) as gateway:
        story = begun(gateway)
        story.failed_try(TELL, NOW_MS, error=AWAY)  # the view has not seen this
        see(gateway, story.result(TELL, {"id": "msg_1"}))
        _, page = await gateway.ask("GET", "/v1/deliveries")
        status, refused = await gateway.ask("GET", f"/v1/deliveries/{story.instance_id}/1")
    assert (page["deliveries"], page["untold"]) == ([], 1)
    assert status == 409 and "history" in refused["detail"]


async def test_delivered_message_is_sent_again_under_its_id_with_a_new_signature(tmp_path: Path) -> None:
    async with peers.peer(peers.status(202)) as peer, site(tmp_path, peer.url) as gateway:
        story = begun(gateway)
        before = (await listed(gateway))[0]["message_id"]
        see(gateway, story.result(TELL, {"id": before, "status": 200}))
        status, told = await again(gateway, story)
        assert (status, told["did"], told["result"], told["message_id"]) == (200, "sent", "delivered", before)
        names = ("webhook-id", "webhook-timestamp", "webhook-signature")
        sent = {name: peer.header(name) or "" for name in names}
        assert verify([SECRET], sent, peer.body(), time.time()).id == before
        assert peer.body() == b'{"type":"order.shipped","data":{"number":7}}'
        found = await shown(gateway, story)
        repeated = await again(gateway, story)
        assert (repeated[1]["result"], peer.count) == ("delivered", 1)
    assert [(each["status"], each["code"], each["actor"]) for each in found["all_tries"]] == [
        ("delivered", 200, None), ("delivered", 202, "kim"),
    ]  # fmt: skip
    assert [(record.topic, record.key) for record in gateway.outbox.records] == [
        (REDELIVERIES, story.instance_id.encode())
    ] * 2
    assert [data["status"] for _, data in gateway.outbox.decoded()] == ["sending", "delivered"]


async def test_failure_that_was_caught_is_sent_again_and_tells_when_it_fails_again(tmp_path: Path) -> None:
    async with peers.peer(peers.status(503), peers.status(204)) as peer, site(tmp_path, peer.url) as gateway:
        story = begun(gateway, CAUGHT)
        see(gateway, story.fault(IN_TRY, **AWAY))
        status, told = await again(gateway, story)
        assert (status, told["result"], told["error"]["status"]) == (200, "failed", 503)
        assert (await shown(gateway, story))["status"] == "failed"
        assert (await again(gateway, story, name="twice"))[1]["result"] == "delivered"
        found = await shown(gateway, story)
    assert [each["status"] for each in found["all_tries"]] == ["failed", "failed", "delivered"]
    assert found["status"] == "delivered"


async def test_step_that_waits_for_a_decision_is_done_again_under_the_same_id(tmp_path: Path) -> None:
    async with site(tmp_path) as gateway:
        story = begun(gateway)
        see(gateway, story.fault(TELL, **AWAY))
        (incident,) = story.incidents
        gateway.see(INCIDENT, incident)
        failed = await shown(gateway, story)
        assert (failed["status"], failed["incident_id"]) == ("failed", incident["incident_id"])
        status, told = await again(gateway, story)
        assert (status, told["did"], told["result"]) == (202, "retried", "asked")
        ((name, data),) = gateway.outbox.decoded()
        assert (name, data["action"], data["key"], data["actor"]) == (REPAIR_STEP, "retry", "kept", "kim")
        see(gateway, story.retry(data["incident"]))
        (sending,) = await listed(gateway)
    assert (sending["status"], sending["tries"], sending["message_id"]) == ("sending", 1, failed["message_id"])


async def test_try_that_waits_for_its_time_begins_now(tmp_path: Path) -> None:
    async with site(tmp_path) as gateway:
        story = begun(gateway)
        waits_for_its_next_try(gateway, story, NOW_MS + 3_600_000)
        status, told = await again(gateway, story)
    assert (status, told["did"], told["result"]) == (202, "hurried", "asked")
    ((name, data),) = gateway.outbox.decoded()
    assert (name, data["pointer"], data["retry"], data["why"]) == (RETRY_NOW, TELL, 1, "they lost it")


async def test_endpoint_that_is_gone_when_it_is_sent_again_is_paused_and_then_left_alone(tmp_path: Path) -> None:
    async with peers.peer(peers.status(410)) as peer, site(tmp_path, peer.url) as gateway:
        story = begun(gateway)
        see(gateway, story.result(TELL, {"id": "msg_1"}))
        assert (await again(gateway, story))[1]["error"]["status"] == 410
        status, refused = await again(gateway, story, name="twice")
        assert (status, peer.count) == (409, 1) and "exlify systems show shop" in refused["detail"]
    name, data = gateway.outbox.decoded()[-1]
    assert (name, data["connection"], data["paused"]) == (SYSTEM_PAUSE, "shop", True)


async def test_redelivery_of_which_nothing_was_heard_is_in_doubt(tmp_path: Path) -> None:
    async with site(tmp_path) as gateway:
        story = begun(gateway)
        see(gateway, story.result(TELL, {"id": "msg_1"}))
        message_id = (await shown(gateway, story))["message_id"]
        gateway.see(
            REDELIVERY,
            {"instance_id": story.instance_id, "redelivery_id": "x#1", "seq": 0, "message_id": message_id,
             "connection": "shop", "status": "sending", "at_ms": NOW_MS + 100_000, "actor": "kim", "why": "w"},
        )  # fmt: skip
        assert (await shown(gateway, story))["status"] == "sending"
        gateway.see(
            REDELIVERY,
            {"instance_id": story.instance_id, "redelivery_id": "y#1", "seq": 0, "message_id": message_id,
             "connection": "shop", "status": "sending", "at_ms": NOW_MS - 100_000, "actor": "kim", "why": "w"},
        )  # fmt: skip
        tries = (await shown(gateway, story))["all_tries"]
    assert [(each["status"], (each["error"] or {}).get("reason")) for each in tries] == [
        ("delivered", None), ("failed", "OUTCOME_UNKNOWN"), ("sending", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "wish", "expected"),
    [
        ("GET", "/v1/deliveries?status=lost", None, 400),
        ("GET", "/v1/deliveries?since=yesterday", None, 400),
        ("GET", "/v1/deliveries?instance_id=xyz", None, 400),
        ("GET", "/v1/deliveries?cursor=%21", None, 400),
        ("GET", f"/v1/deliveries/{'ab' * 16}/0", None, 404),
        ("GET", f"/v1/deliveries/{'ab' * 16}/2", None, 404),
        ("GET", f"/v1/deliveries/{'ab' * 16}/one", None, 404),
        ("GET", f"/v1/deliveries/{'00' * 16}/1", None, 404),
        ("POST", f"/v1/deliveries/{'ab' * 16}/1/redeliver", {}, 422),
        ("POST", f"/v1/deliveries/{'ab' * 16}/1/redeliver", {"why": "x", "to": "http://other"}, 422),
        ("POST", f"/v1/deliveries/{'ab' * 16}/1/redeliver", {"why": "x"}, 409),
        ("POST", f"/v1/deliveries/{'00' * 16}/1/redeliver", {"why": "x"}, 404),
    ],
)
async def test_what_is_wrong_is_refused(tmp_path: Path, method: str, path: str, wish: Any, expected: int) -> None:
    async with site(tmp_path) as gateway:
        begun(gateway)
        status, told = await gateway.ask(method, path, **({} if wish is None else {"json": wish}))
    assert (status, gateway.outbox.records) == (expected, []) and told["detail"]
