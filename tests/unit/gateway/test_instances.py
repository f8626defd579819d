"""Asking for instances, and asking them to end."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.catalogue import current
from schemas.messages import CANCEL_INSTANCE, DECISION, HISTORY_ENTRY, HUMAN_TASK, INCIDENT, START_INSTANCE
from schemas.samples import sample
from streams.definitions.deploy import described
from streams.gateway import instances
from streams.processors.orchestrate import INBOX
from tests.support.data import payload
from tests.support.definitions import load
from tests.support.gateways import CODEC, Gateway
from tests.support.histories import ID, START_MS, entry


async def test_instance_is_shown_with_history_and_decisions(gateway: Gateway) -> None:
    gateway.see(HISTORY_ENTRY, entry(0))
    gateway.see(HISTORY_ENTRY, entry(1, "completed"))
    gateway.see(DECISION, sample(current()[DECISION]) | {"instance_id": ID, "route": "approve"})
    status, shown = await gateway.ask("GET", f"/v1/instances/{ID}")
    assert (status, shown["status"], [each["seq"] for each in shown["history"]]) == (200, "completed", [0, 1])
    assert shown["history"][0]["cause"]["kind"] == "StepResult"
    assert shown["decisions"][0]["route"] == "approve"


async def test_long_history_comes_in_pages(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instances, "HISTORY_LIMIT", 2)
    for seq in range(3):
        gateway.see(HISTORY_ENTRY, entry(seq))
    _, first = await gateway.ask("GET", f"/v1/instances/{ID}")
    _, second = await gateway.ask("GET", f"/v1/instances/{ID}?after={first['next']}")
    assert [each["seq"] for each in first["history"] + second["history"]] == [0, 1, 2]
    assert second["next"] is None


async def test_unknown_instance_is_not_found(gateway: Gateway) -> None:
    assert (await gateway.ask("GET", f"/v1/instances/{ID}"))[0] == 404


async def test_list_is_filtered_and_paged(gateway: Gateway) -> None:
    for number in range(3):
        gateway.see(HISTORY_ENTRY, entry(0, instance_id=f"{number:032x}", at_ms=START_MS + number, workflow="w"))
    gateway.see(HISTORY_ENTRY, entry(0, workflow="other"))
    _, first = await gateway.ask("GET", "/v1/instances?workflow=w&limit=2")
    _, second = await gateway.ask("GET", f"/v1/instances?workflow=w&limit=2&cursor={first['next']}")
    found = [each["instance_id"][-1] for each in first["instances"] + second["instances"]]
    assert (found, second["next"]) == (["2", "1", "0"], None)


async def test_list_is_bounded_by_time(gateway: Gateway) -> None:
    gateway.see(HISTORY_ENTRY, entry(0))
    assert len((await gateway.ask("GET", "/v1/instances?since=2026-09-21T14:13:20Z"))[1]["instances"]) == 1
    assert (await gateway.ask("GET", "/v1/instances?until=2026-09-21T14:13:20Z"))[1]["instances"] == []


SEARCHED = """
document: {dsl: '1.0.3', namespace: n, name: w, version: 1.2.0, metadata: {search: [customer.id, city]}}
do: [{a: {set: {b: 1}}}]
"""


async def test_list_finds_by_data_reason_step_and_version(gateway: Gateway) -> None:
    started = CODEC.encode(START_INSTANCE, sample(current()[START_INSTANCE]) | {"data": payload({"city": "Bremen"})})
    gateway.see(HISTORY_ENTRY, entry(0, cause=started, workflow="w", version="1.2.0", business_key="A-7"))
    about = {"instance_id": ID, "status": "open", "pointer": "/do/0/create", "reason": "UNREACHED"}
    gateway.see(INCIDENT, sample(current()[INCIDENT]) | about)
    gateway.services.definitions.learn(described(load(SEARCHED), SEARCHED, "test", START_MS))
    hits = ("data=city=Bremen", "reason=UNREACHED", "step=create", "version=1.2.0", "find=Bremen", "find=A-7")
    misses = ("data=city=Ulm", "reason=REFUSED", "step=review", "version=1.0.0", "find=Ulm", "find=A-8")
    for query in (*hits, "&".join(hits[:5]), *misses, f"{hits[0]}&{misses[1]}"):
        _, page = await gateway.ask("GET", f"/v1/instances?{query}")
        assert len(page["instances"]) == (query in hits or query == "&".join(hits[:5])), query


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=x",
        f"limit={'1'.zfill(20)}99999",
        f"limit={'1'.zfill(5_000)}",
        "status=odd",
        "colour=red",
        "cursor=%21",
        "since=today",
        "workflow=",
        "limit=1&limit=2",
        "data=city",
        "data=a..b=c",
    ],
)
async def test_unfit_query_is_refused(gateway: Gateway, query: str) -> None:
    assert (await gateway.ask("GET", f"/v1/instances?{query}"))[0] == 400


async def test_cancelling_goes_to_the_inbox(gateway: Gateway) -> None:
    gateway.see(HISTORY_ENTRY, entry(0, "waiting"))
    status, _ = await gateway.ask("POST", f"/v1/instances/{ID}/cancel", json={"reason": "a mistake", "actor": "kim"})
    (record,) = gateway.outbox.records
    assert (status, record.topic, record.key) == (202, INBOX, ID.encode())
    fields = {"instance_id": ID, "reason": "a mistake", "actor": "kim", "undo": True}
    assert gateway.outbox.decoded() == [(CANCEL_INSTANCE, fields)]


@pytest.mark.parametrize(
    ("status", "state", "body"),
    [
        (409, "completed", {"reason": "r"}),
        (422, "running", {}),
        (422, "running", {"reason": "r" * 201}),
        (400, "running", []),
    ],
)
async def test_cancelling_is_refused_with_a_reason(gateway: Gateway, status: int, state: str, body: Any) -> None:
    gateway.see(HISTORY_ENTRY, entry(0, state))
    assert (await gateway.ask("POST", f"/v1/instances/{ID}/cancel", json=body))[0] == status
    assert gateway.outbox.records == []


async def test_missing_read_model_is_told(gateway: Gateway) -> None:
    for file in gateway.services.settings.data_dir.glob("view.sqlite*"):
        file.unlink()
    (gateway.services.settings.data_dir / "view.sqlite").mkdir()
    gateway.services.reader._engine.dispose()  # as when the connection is lost
    status, problem = await gateway.ask("GET", "/v1/instances")
    assert (status, problem["title"]) == (503, "Service Unavailable")


async def test_read_model_that_does_not_fit_is_no_matter_of_waiting(gateway: Gateway) -> None:
    with gateway.services.reader._engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE instances RENAME COLUMN version TO edition")
    assert (await gateway.ask("GET", "/v1/instances"))[0] == 500


async def test_read_model_that_is_being_made_anew_is_waited_for(gateway: Gateway) -> None:
    with gateway.services.reader._engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE instances")
    assert (await gateway.ask("GET", "/v1/instances"))[0] == 503


async def test_everything_is_counted(gateway: Gateway) -> None:
    gateway.see(HISTORY_ENTRY, entry(0, "waiting", workflow="slow"))
    gateway.see(HISTORY_ENTRY, entry(0, "faulted", instance_id="cd" * 16))
    gateway.see(HISTORY_ENTRY, entry(0, "faulted", instance_id="ef" * 16, at_ms=START_MS - 90_000_000))
    for number, due_ms in enumerate((None, START_MS - 1, START_MS + 60_000)):
        gateway.see(
            HUMAN_TASK, sample(current()[HUMAN_TASK]) | {"task_id": str(number), "due_ms": due_ms, "status": "open"}
        )
    _, counted = await gateway.ask("GET", "/v1/status")
    assert (counted["instances"]["waiting"], counted["instances"]["faulted"], counted["faulted_lately"]) == (1, 2, 1)
    assert counted["oldest"] == [{"workflow": "slow", "started_at": "2026-09-21T14:13:20.000Z"}]
    assert counted["tasks"] == {"open": 3, "overdue": 1}
    assert counted["definitions"] == {"known": 1, "broken": []}
    overdue = (await gateway.ask("GET", "/v1/tasks?overdue=true"))[1]["tasks"]
    assert [each["task_id"] for each in overdue] == ["1"]


async def test_instances_that_have_started_are_told_from_those_that_have_not(gateway: Gateway) -> None:
    long_ago = START_MS - 8 * 86_400_000
    rows = {"a": ("waiting", long_ago), "b": ("completed", START_MS), "c": ("completed", long_ago)}
    for name, (status, at_ms) in rows.items():
        gateway.see(HISTORY_ENTRY, entry(0, status, instance_id=name * 32, at_ms=at_ms))
    asked = {"instance_ids": [name * 32 for name in "abcd"]}
    _, told = await gateway.ask("POST", "/v1/instances/known", json=asked)
    assert sorted(told["known"]) == ["a" * 32, "b" * 32]  # c is forgotten, and would start again


@pytest.mark.parametrize("ids", [[1], ["a"] * 1_001, "a"])
async def test_unfit_question_is_refused(gateway: Gateway, ids: Any) -> None:
    assert (await gateway.ask("POST", "/v1/instances/known", json={"instance_ids": ids}))[0] == 422


async def test_cancelling_without_a_word_says_what_is_missing(gateway: Gateway) -> None:
    gateway.see(HISTORY_ENTRY, entry(0, "waiting"))
    status, problem = await gateway.ask("POST", f"/v1/instances/{ID}/cancel")
    assert (status, problem["detail"]) == (422, "reason is required")
