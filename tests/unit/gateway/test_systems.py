"""`/v1/systems`: what a site may not call for a while, said once and seen by everybody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from schemas.messages import SYSTEM_PAUSE
from streams.ground.settings import Settings
from streams.processors.call import PAUSES
from tests.support.gateways import NOW_S, AsyncGateway, Gateway


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    secret = (
        "erp: {url: 'https://u:${file:password}@erp.example.com/t0ken', rate: 5/s}\nmail: http://mail.example.com\n"
    )
    (tmp_path / "connections.yaml").write_text(secret)
    (tmp_path / "password").write_text("hunter2")
    async with AsyncGateway(Settings(data_dir=tmp_path, site_dir=tmp_path)) as running:
        yield running


async def test_systems_are_those_of_the_site_without_their_secrets(gateway: Gateway) -> None:
    status, found = await gateway.ask("GET", "/v1/systems")
    assert (status, [each["name"] for each in found["systems"]]) == (200, ["erp", "mail"])
    assert found["systems"][0] == {
        "name": "erp", "address": "https://erp.example.com", "concurrency": 16, "per_s": 5,
        "timeout_s": 15, "patience_s": 30, "paused": False,
        "seen": {"breaker": None, "minutes": 10, "calls": 0, "failed": 0, "mean_ms": None,
                 "last_reason": None, "last_failed": None},
    }  # fmt: skip


async def test_what_calls_have_seen_is_told_with_the_systems(gateway: Gateway) -> None:
    now_ms = NOW_S * 1_000
    told = {"connection": "erp", "worker": "a", "breaker": "closed", "calls": 9, "failed": 0, "took_ms": 90,
            "last_reason": None, "at_ms": now_ms - 30_000}  # fmt: skip
    for report in (
        told | {"at_ms": now_ms - 700_000},
        told,
        told | {"worker": "b", "breaker": "open", "calls": 1, "failed": 1, "took_ms": 910, "last_reason": "UNREACHED"},
        told | {"connection": "api.example.com:80"},
    ):
        gateway.services.seen.learn(report)
    _, found = await gateway.ask("GET", "/v1/systems")
    assert [each["name"] for each in found["systems"]] == ["api.example.com:80", "erp", "mail"]
    seen = found["systems"][1]["seen"]
    assert (seen["breaker"], seen["calls"], seen["failed"], seen["mean_ms"]) == ("open", 10, 1, 100)
    assert (seen["last_reason"], seen["last_failed"]) == ("UNREACHED", "2026-09-21T14:12:50.000Z")
    gateway.services.seen.learn(told | {"worker": "b", "at_ms": now_ms})
    assert (await gateway.ask("GET", "/v1/systems/erp"))[1]["seen"]["breaker"] == "closed"


async def test_pause_is_published_and_shown(gateway: Gateway) -> None:
    wish = {"why": "maintenance", "until": "2999-01-31T12:00:00+01:00", "actor": "kim"}
    status, said = await gateway.ask("POST", "/v1/systems/ERP/pause", json=wish)
    assert (status, said["paused"], said["until"], said["actor"]) == (200, True, "2999-01-31T11:00:00.000Z", "kim")
    ((name, data),) = gateway.outbox.decoded()
    assert (name, data["connection"], data["paused"], data["at_ms"]) == (SYSTEM_PAUSE, "erp", True, NOW_S * 1_000)
    assert (gateway.outbox.records[0].topic, gateway.outbox.records[0].key) == (PAUSES, b"erp")
    _, shown = await gateway.ask("GET", "/v1/systems/erp")
    assert (shown["paused"], shown["why"]) == (True, "maintenance")


async def test_resumed_system_is_called_again(gateway: Gateway) -> None:
    await gateway.ask("POST", "/v1/systems/erp/pause", json={"why": "maintenance"})
    status, said = await gateway.ask("POST", "/v1/systems/erp/resume", json={"why": "over"})
    assert (status, said["paused"]) == (200, False)
    assert [data["paused"] for _, data in gateway.outbox.decoded()] == [True, False]
    assert gateway.services.pauses.seconds_left("erp") == 0


@pytest.mark.parametrize(
    ("path", "wish", "expected"),
    [
        ("/v1/systems/crm/pause", {"why": "x"}, 404),
        ("/v1/systems/erp/pause", {}, 422),
        ("/v1/systems/erp/pause", {"why": "x", "until": "tomorrow"}, 422),
        ("/v1/systems/erp/pause", {"why": "x", "until": "2999-01-31T12:00:00"}, 422),
        ("/v1/systems/erp/pause", {"why": "x", "until": "2001-01-31T12:00:00Z"}, 422),
        ("/v1/systems/erp/resume", {"why": "x"}, 409),
    ],
)
async def test_what_cannot_be_done_is_refused(gateway: Gateway, path: str, wish: dict[str, str], expected: int) -> None:
    status, problem = await gateway.ask("POST", path, json=wish)
    assert (status, problem["status"], gateway.outbox.records) == (expected, expected, [])
