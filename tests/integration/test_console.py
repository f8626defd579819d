"""What the console asks of Kafka itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from schemas.messages import ALERT_ACTION, HISTORY_ENTRY, LETTER_ACTION, MODEL_STATE
from streams import catalogue
from streams.catalogue import FUNCTIONS
from streams.console import install
from streams.gateway.server import make_app, opened
from streams.ground.provision import provision
from streams.ground.publish import Outgoing, Publisher
from streams.ground.settings import Settings
from streams.processors import escalate
from streams.processors.decide import STATES
from streams.processors.letters import ACTIONS
from streams.processors.orchestrate import HISTORY
from tests.support.histories import CODEC, ID, entry

pytestmark = pytest.mark.broker

JSON = {"Accept": "application/json"}


@pytest.fixture
async def settings(kafka: str, tmp_path: Path) -> Settings:
    made = Settings(bootstrap=kafka, registry_url="none", data_dir=tmp_path)
    await provision(made, catalogue.topics(made))
    return made


@pytest.fixture
async def console(settings: Settings) -> AsyncIterator[TestClient[Any, Any]]:
    async with opened(settings, FUNCTIONS) as services, TestClient(TestServer(make_app(services, install))) as client:
        yield client


async def test_topics_show_their_latest_records_and_lead_to_the_instance(
    console: TestClient[Any, Any], settings: Settings
) -> None:
    async with Publisher(settings) as publisher:
        values = [CODEC.encode(HISTORY_ENTRY, entry(seq)) for seq in range(30)]
        await publisher.publish([Outgoing(HISTORY, ID.encode(), value) for value in (*values, b"\x00no schema")])
    async with console.get("/topics", headers=JSON) as response:
        topics = {each["topic"]: each for each in (await response.json())["topics"]}
    assert topics[HISTORY.name]["records"] >= 31 and topics[HISTORY.name]["lag"]["view"] >= 31  # no view runs here
    async with console.get("/topics") as response:
        assert f">{topics[HISTORY.name]['lag']['view']:,}<".replace(",", "") in (await response.text()).replace(",", "")
    async with console.get(f"/topics/{HISTORY.name}", headers=JSON) as response:
        records = (await response.json())["records"]
    assert len(records) == 20 and records[0]["fault"] and records[0]["instance_id"] == ID
    assert [record["value"]["seq"] for record in records[1:]] == list(range(29, 10, -1))
    async with console.get(f"/topics/{HISTORY.name}") as response:
        assert response.status == 200 and f'href="/instances/{ID}"' in await response.text()


async def test_topic_that_is_none_of_ours_is_not_read(console: TestClient[Any, Any]) -> None:
    async with console.get("/topics/__consumer_offsets") as response:
        assert response.status == 404


async def test_audit_tells_what_became_of_models_but_not_what_nobody_did(
    console: TestClient[Any, Any], settings: Settings
) -> None:
    installed = {"from_ms": 0, "version": "2", "sha256": "", "state": "active", "by": "", "why": "as installed"}
    tried = installed | {"from_ms": 1_000, "by": "kim", "why": "looks better", "rival": "3", "share": 7}
    ended = installed | {"from_ms": 2_000, "by": "kim", "why": "was no better"}
    value = CODEC.encode(MODEL_STATE, {"name": "audited", "changes": [installed, tried, ended]})
    async with Publisher(settings) as publisher:
        await publisher.publish([Outgoing(STATES, b"audited", value)])
    async with console.get("/audit?of=models", headers=JSON) as response:
        deeds = [each for each in (await response.json())["deeds"] if each["what"].startswith("audited ")]
    assert [(each["at_ms"], each["did"], each["what"], each["why"]) for each in deeds] == [
        (2_000, "put into force", "audited 2", "was no better"),
        (1_000, "put into force", "audited 2, 3 decides 7 % beside it", "looks better"),
    ]


async def test_audit_tells_what_was_decided_about_letters(console: TestClient[Any, Any], settings: Settings) -> None:
    letter_id = "0-" + "ab" * 16
    action = {"action_id": "audited", "seq": 0, "action": "redrive", "why": "it is mended", "actor": "kim"}
    value = CODEC.encode(LETTER_ACTION, {"letter_id": letter_id, **action})
    async with Publisher(settings) as publisher:
        await publisher.publish([Outgoing(ACTIONS, letter_id.encode(), value)])
    async with console.get("/audit?of=letters", headers=JSON) as response:
        (deed,) = [each for each in (await response.json())["deeds"] if each["path"] == f"/letters/{letter_id}"]
    assert (deed["actor"], deed["did"], deed["why"]) == ("kim", "asked to send once more", "it is mended")


async def test_audit_tells_who_took_an_alert_on(console: TestClient[Any, Any], settings: Settings) -> None:
    alert_id = "ab" * 16
    said = {"alert_id": alert_id, "action_id": "audited", "until_ms": None, "why": "calling them", "actor": "kim"}
    async with Publisher(settings) as publisher:
        for more in {"action": "ack"}, {"action": "silence", "until_ms": 9}, {"action": "silence"}:
            value = CODEC.encode(ALERT_ACTION, said | more)
            await publisher.publish([Outgoing(escalate.ACTIONS, alert_id.encode(), value)])
    async with console.get("/audit?of=alerts", headers=JSON) as response:
        deeds = [each for each in (await response.json())["deeds"] if each["path"] == f"/alerts#a-{alert_id}"]
    assert sorted((each["actor"], each["did"], each["why"]) for each in deeds) == [
        ("kim", "asked to end the silence of", "calling them"),
        ("kim", "asked to silence", "calling them"),
        ("kim", "asked to take on", "calling them"),
    ]
