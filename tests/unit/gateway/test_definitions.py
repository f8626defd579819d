"""Deploying over HTTP: all faults at once, and nothing deployed that has any."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace

import pytest

from schemas.messages import WORKFLOW_DEFINITION
from schemas.released import fixed_ids
from schemas.times import rfc3339
from streams.definitions import DEFINITIONS
from streams.definitions.deploy import described
from streams.gateway.settings import GatewaySettings
from streams.ground.settings import Settings
from streams.ground.topic import Topic
from tests.support.definitions import load
from tests.support.gateways import NOW_S, YAML, AsyncGateway, Gateway

YAML_TYPE = {"Content-Type": "application/yaml"}
NEXT = YAML.replace("1.0.0", "1.1.0")


@pytest.fixture
async def provisioned(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[str]]:
    """Topics that were asked for; a broker would have made them."""
    made: list[str] = []

    async def provision(settings: Settings, wanted: Iterable[Topic]) -> None:
        made.extend(topic.name for topic in wanted)

    monkeypatch.setattr("streams.definitions.deploy.provision", provision)
    yield made


async def test_definition_is_deployed_under_its_digest(gateway: Gateway, provisioned: list[str]) -> None:
    status, answer = await gateway.ask("POST", "/v1/definitions", data=NEXT, headers=YAML_TYPE)
    (record,) = gateway.outbox.records
    ((name, data),) = gateway.outbox.decoded()
    assert (status, answer["name"], answer["version"], answer["warnings"]) == (201, "order", "1.1.0", [])
    assert (record.topic, record.key) == (DEFINITIONS, answer["digest"].encode())
    assert (name, data["yaml"], data["event_types"]) == (WORKFLOW_DEFINITION, NEXT, ["com.example.order.v1"])
    assert provisioned == ["engine.outcome.order.v1"]


async def test_every_fault_is_told_and_nothing_deployed(gateway: Gateway, provisioned: list[str]) -> None:
    faulty = YAML.replace("- note: {set: {seen: true}}", "- note: {sett: {}}\n  - other: {call: nonsense}")
    status, problem = await gateway.ask("POST", "/v1/definitions", data=faulty, headers=YAML_TYPE)
    assert (status, gateway.outbox.records, provisioned) == (422, [], [])
    assert len(problem["faults"]) >= 2
    assert all(fault["line"] and fault["remedy"] for fault in problem["faults"])


@pytest.mark.parametrize(
    ("status", "content_type", "body"),
    [
        (415, "application/json", b"{}"),
        (415, "text/plain", b"a: 1"),
        (400, "application/yaml", b"\xff"),
        (413, "text/yaml", b"a" * 30_000),
    ],
)
async def test_unfit_request_is_refused(gateway: Gateway, status: int, content_type: str, body: bytes) -> None:
    headers = {"Content-Type": content_type}
    assert (await gateway.ask("POST", "/v1/definitions", data=body, headers=headers))[0] == status


async def test_definitions_are_listed_with_the_latest_marked(gateway: Gateway) -> None:
    book = gateway.services.definitions
    book.learn(described(load(NEXT), NEXT, "test", NOW_S * 1000))
    _, listed = await gateway.ask("GET", "/v1/definitions")
    assert [(each["version"], each["latest"]) for each in listed["definitions"]] == [("1.0.0", False), ("1.1.0", True)]


async def test_definition_is_shown_as_written(gateway: Gateway) -> None:
    _, by_name = await gateway.ask("GET", "/v1/definitions/order")
    _, by_digest = await gateway.ask("GET", f"/v1/definitions/{by_name['digest']}")
    assert by_name == by_digest and by_name["yaml"] == YAML
    assert (await gateway.ask("GET", "/v1/definitions/nobody"))[0] == 404


async def test_other_content_under_one_version_is_refused_unless_it_is_meant(
    gateway: Gateway, provisioned: list[str]
) -> None:
    other = YAML.replace("seen: true", "seen: false")
    status, problem = await gateway.ask("POST", "/v1/definitions", data=other, headers=YAML_TYPE)
    assert (status, gateway.outbox.records) == (409, []) and "order 1.0.0 is deployed with other" in problem["detail"]
    status, told = await gateway.ask("POST", "/v1/definitions?replace=true", data=other, headers=YAML_TYPE)
    at = rfc3339(NOW_S * 1_000)
    before = {"version": "1.0.0", "digest": load(YAML).digest, "deployed_by": "test", "deployed_at": at}
    assert (status, told["replaces"], len(gateway.outbox.records)) == (201, before, 1)


@pytest.mark.parametrize(
    ("host", "replaces", "status"),
    [
        ("127.0.0.1", "local", 201), ("localhost", "local", 201), ("0.0.0.0", "local", 409),
        ("flows.example.com", "local", 409), ("127.0.0.1", "never", 409), ("flows.example.com", "always", 201),
    ],
)  # fmt: skip
async def test_other_content_takes_a_version_only_where_nobody_relies_on_it(
    settings: Settings, provisioned: list[str], host: str, replaces: str, status: int
) -> None:
    other = YAML.replace("seen: true", "seen: false")
    async with AsyncGateway(replace(settings, host=host).with_(GatewaySettings(replaces=replaces))) as gateway:
        found, told = await gateway.ask("POST", "/v1/definitions?replace=true", data=other, headers=YAML_TYPE)
    assert found == status
    assert status == 201 or (told["type"].endswith("version-fixed") and "EXLIFY_REPLACE_VERSIONS" in told["detail"])


async def test_same_content_again_replaces_nothing_and_an_older_one_says_what(
    gateway: Gateway, provisioned: list[str]
) -> None:
    async def deployed(yaml: str) -> object:
        status, told = await gateway.ask("POST", "/v1/definitions", data=yaml, headers=YAML_TYPE)
        gateway.services.definitions.learn(described(load(yaml), yaml, "test", NOW_S * 1_000))
        return status, (told["replaces"] or {}).get("version")

    assert [await deployed(yaml) for yaml in (YAML, NEXT, NEXT, YAML)] == [
        (201, None), (201, "1.0.0"), (201, None), (201, "1.1.0"),
    ]  # fmt: skip


TYPED = YAML.replace(
    "do:\n",
    """\
output:
  schema: {format: json, document: {type: object, required: [seen], properties: {seen: {type: boolean}}}}
do:
""",
)
CHANGED = {
    "1.1.0": TYPED.replace("{seen: {type: boolean}}", "{seen: {type: boolean}, note: {type: string}}"),
    "1.2.0": TYPED.replace("{seen: {type: boolean}}", "{seen: {type: string}}"),
    "1.3.0": TYPED.replace("required: [seen]", "required: [seen, note]").replace(
        "{seen: {type: boolean}}", "{seen: {type: boolean}, note: {type: string}}"
    ),
    "1.4.0": YAML,
}


async def test_change_of_the_output_is_taken_where_outcomes_can_be_read_both_ways(
    gateway: Gateway, provisioned: list[str]
) -> None:
    async def deployed(yaml: str) -> tuple[int, str]:
        status, told = await gateway.ask("POST", "/v1/definitions", data=yaml, headers=YAML_TYPE)
        if status == 201:
            _, said = gateway.outbox.decoded()[-1]
            gateway.services.definitions.learn(said)
        return status, told.get("detail", "")

    assert await deployed(TYPED.replace("1.0.0", "1.0.1")) == (201, "")
    found = {version: await deployed(yaml.replace("1.0.0", version)) for version, yaml in CHANGED.items()}
    assert {version: status for version, (status, _) in found.items()} == {
        "1.1.0": 201, "1.2.0": 409, "1.3.0": 409, "1.4.0": 409,
    }  # fmt: skip
    assert "order 1.2.0 changes what its outcomes are" in found["1.2.0"][1] and "boolean" in found["1.2.0"][1]
    assert "1.0.1" in found["1.3.0"][1] and "note" in found["1.3.0"][1] and "another name" in found["1.3.0"][1]
    assert "no schema of its output any more" in found["1.4.0"][1]


async def test_going_back_to_a_version_leaves_its_outcomes_as_they_were(
    gateway: Gateway, provisioned: list[str]
) -> None:
    for version in ("1.0.1", "1.0.2"):
        yaml = TYPED.replace("1.0.0", version)
        await gateway.ask("POST", "/v1/definitions", data=yaml, headers=YAML_TYPE)
        gateway.services.definitions.learn(gateway.outbox.decoded()[-1][1])
    said = {"why": "back", "version": "1.0.1"}
    status, _ = await gateway.ask("POST", "/v1/definitions/order/activate", json=said)
    again = next(data for name, data in reversed(gateway.outbox.decoded()) if name == WORKFLOW_DEFINITION)
    assert status == 200 and again["version"] == "1.0.1" and "exlify.outcome.order" in again["outcome_schema"]


async def test_schema_of_a_typed_outcome_can_be_asked_for_by_its_id(gateway: Gateway) -> None:
    known = gateway.services.codec
    id_ = next(iter(fixed_ids().current.values()))
    status, told = await gateway.ask("GET", f"/v1/schemas/ids/{id_}")
    assert status == 200 and json.loads(told["schema"]) == json.loads(await known.text_of(id_))
    for wrong in ("7", "x", "-1", str(2**32), "9" * 5_000):
        assert (await gateway.ask("GET", f"/v1/schemas/ids/{wrong}"))[0] == 404
