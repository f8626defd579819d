"""Pausing, activating and retiring workflows over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.messages import HELD_STARTS, HISTORY_ENTRY, VERSION_REMOVED, WORKFLOW_DEFINITION, WORKFLOW_STATE
from streams.definitions import DEFINITIONS
from streams.definitions.deploy import described
from streams.gateway.problems import ProblemError
from streams.gateway.repairs import deployed_digest
from tests.support.definitions import load
from tests.support.gateways import NOW_S, YAML, Gateway
from tests.support.histories import entry

NEXT = YAML.replace("1.0.0", "1.1.0")
WHY = {"why": "prices are wrong", "actor": "kim"}


async def said(gateway: Gateway, verb: str, **more: Any) -> tuple[int, Any]:
    return await gateway.ask("POST", f"/v1/definitions/order/{verb}", json=WHY | more)


async def test_word_about_a_workflow_is_published_and_counts_at_once(gateway: Gateway) -> None:
    status, told = await said(gateway, "pause")
    ((name, data),) = gateway.outbox.decoded()
    assert (status, told["state"], told["was"], told["version"]) == (200, "paused", "active", "1.0.0")
    assert (name, gateway.outbox.records[0].topic, gateway.outbox.records[0].key) == (
        WORKFLOW_STATE, DEFINITIONS, b"order",
    )  # fmt: skip
    assert data == {
        "name": "order", "state": "paused", "why": "prices are wrong", "actor": "kim", "at_ms": NOW_S * 1_000,
    }  # fmt: skip
    assert (await said(gateway, "pause"))[0] == 409
    _, shown = await gateway.ask("GET", "/v1/definitions/order")
    assert (shown["state"], shown["said"]["why"]) == ("paused", "prices are wrong")


async def test_workflow_goes_back_to_an_older_version_and_says_who_did_it(gateway: Gateway) -> None:
    book = gateway.services.definitions
    book.learn(described(load(NEXT), NEXT, "test", NOW_S * 1_000))
    status, told = await said(gateway, "activate", version="1.0.0")
    assert (status, told["version"]) == (200, "1.0.0")
    (first, deployed), (second, _) = gateway.outbox.decoded()
    assert (first, deployed["version"], deployed["deployed_by"], second) == (
        WORKFLOW_DEFINITION, "1.0.0", "kim", WORKFLOW_STATE,
    )  # fmt: skip
    latest = book.latest("order")
    assert latest is not None and latest.version == "1.0.0"


RUNS = """
document: {dsl: 1.0.3, namespace: test, name: parent, version: 1.0.0}
do:
  - outer: {do: [{inner: {run: {workflow: {namespace: NAMESPACE, name: order, version: VERSION}}}}]}
"""


async def test_version_that_nothing_needs_is_removed_and_its_history_stays(gateway: Gateway) -> None:
    book, digest = gateway.services.definitions, load(YAML).digest
    book.learn(described(load(NEXT), NEXT, "test", NOW_S * 1_000))
    gateway.see(HISTORY_ENTRY, entry(0, digest=digest))
    status, told = await said(gateway, "remove", version="1.0.0")
    assert (status, "not ended: 1." in told["detail"], gateway.outbox.records) == (409, True, [])
    gateway.see(HISTORY_ENTRY, entry(1, "completed", digest=digest))
    status, told = await said(gateway, "remove", version="1.0.0")
    ((name, data),) = gateway.outbox.decoded()
    assert (status, told) == (200, {"digest": digest, "name": "order", "version": "1.0.0"})
    assert (name, gateway.outbox.records[0].key) == (VERSION_REMOVED, b"removed:" + digest.encode())
    assert data == told | {"why": WHY["why"], "actor": "kim", "at_ms": NOW_S * 1_000}
    _, listed = await gateway.ask("GET", "/v1/definitions")
    assert [each["version"] for each in listed["definitions"]] == ["1.1.0"]
    _, shown = await gateway.ask("GET", f"/v1/definitions/{digest}")
    assert (shown["version"], shown["yaml"], shown["removed"]["actor"]) == ("1.0.0", YAML, "kim")
    for verb in ("remove", "activate"):
        assert (await said(gateway, verb, version="1.0.0"))[0] == 404
    for wanted in ("1.0.0", digest):
        with pytest.raises(ProblemError):
            deployed_digest(gateway.services, "order", wanted)
    other = YAML.replace("seen: true", "seen: false")
    headers = {"Content-Type": "application/yaml"}
    assert (await gateway.ask("POST", "/v1/definitions", data=other, headers=headers))[0] == 409  # its number is taken


@pytest.mark.parametrize(("version", "code"), [("1.0.0", "in-use"), ("1.1.0", "in-force"), ("9.9.9", "not-found")])
async def test_version_that_is_needed_stays(gateway: Gateway, version: str, code: str) -> None:
    parent = RUNS.replace("VERSION", version).replace("NAMESPACE", load(YAML).namespace)
    for yaml in (NEXT, parent):
        gateway.services.definitions.learn(described(load(yaml), yaml, "test", NOW_S * 1_000))
    status, told = await said(gateway, "remove", version=version)
    assert (status, told["type"].rpartition("/")[2].rpartition(":")[2]) == (404 if version == "9.9.9" else 409, code)
    assert ("parent 1.0.0" in told["detail"], gateway.outbox.records) == (version == "1.0.0", [])


async def test_what_runs_where_is_told(gateway: Gateway) -> None:
    gateway.see(HISTORY_ENTRY, entry(0, digest=load(YAML).digest))
    gateway.see(HISTORY_ENTRY, entry(0, "completed", digest=load(YAML).digest, instance_id="ef" * 16))
    held = {"workflow": "order", "place": 1, "waiting": 2, "since_ms": 1, "seq": 0}
    gateway.see(HELD_STARTS, held)
    gateway.see(HELD_STARTS, {**held, "place": 2, "waiting": 3})
    (told,) = (await gateway.ask("GET", "/v1/definitions"))[1]["definitions"]
    assert (told["open"], told["held"], told["state"]) == (1, 5, "active")


@pytest.mark.parametrize(
    ("status", "path", "body"),
    [
        (404, "nobody/pause", WHY),
        (404, "order/activate", {**WHY, "version": "9.9.9"}),
        (409, "order/activate", WHY),
        (422, "order/retire", {"actor": "kim"}),
        (422, "order/retire", {"why": " "}),
    ],
)
async def test_word_that_means_nothing_is_refused(gateway: Gateway, status: int, path: str, body: Any) -> None:
    assert (await gateway.ask("POST", f"/v1/definitions/{path}", json=body))[0] == status
    assert gateway.outbox.records == []


async def test_receipt_of_an_event_says_that_its_instance_is_held_or_that_none_starts(gateway: Gateway) -> None:
    event = {"specversion": "1.0", "id": "1", "source": "/tests", "type": "com.example.order.v1", "data": {}}
    headers = {"Content-Type": "application/cloudevents+json"}
    found = []
    for verb in ("pause", "retire"):
        await said(gateway, verb)
        status, told = await gateway.ask("POST", "/v1/events", json=event, headers=headers)
        found.append((status, [each.get("held") for each in told["accepted"][0]["instances"]]))
    assert found == [(202, [True]), (202, [])]
