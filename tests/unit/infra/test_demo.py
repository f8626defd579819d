"""The branch office of the demonstration, against a gateway of the test's own."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession, web
from aiohttp.test_utils import TestServer

from infra import prometheus
from infra.sandbox.applications import applications
from infra.sandbox.demo import BURST, Branch, Gateway, RefusedError
from streams.gateway.webhooks import verify

SECRET = b"sixteen bytes or more"


class Peer:
    """A gateway that keeps what it is sent and answers as it is told."""

    def __init__(self) -> None:
        self.deployed: list[bytes] = []
        self.deliveries: list[tuple[str, Any]] = []
        self.status = 202
        self.answer: dict[str, Any] = {}

    async def deploy(self, request: web.Request) -> web.Response:
        self.deployed.append(await request.read())
        return web.json_response(self.answer, status=self.status)

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.deliveries.append((verify([SECRET], request.headers, body, time.time()).id, json.loads(body)))
        return web.json_response({})


@pytest.fixture
async def peer() -> Peer:
    return Peer()


@pytest.fixture
async def gateway(peer: Peer) -> AsyncIterator[Gateway]:
    app = web.Application()
    app.add_routes([web.post("/v1/definitions", peer.deploy), web.post("/v1/hooks/applications", peer.receive)])
    async with TestServer(app) as server, ClientSession(str(server.make_url("/"))) as http:
        yield Gateway(http, SECRET)


async def test_application_is_sent_signed_under_its_own_id(peer: Peer, gateway: Gateway) -> None:
    event = next(applications(1))
    await gateway.send(event)
    assert peer.deliveries == [(event["id"], event["data"])]


async def test_branch_deploys_before_anything_arrives(peer: Peer, gateway: Gateway) -> None:
    await Branch(gateway, count=BURST + 3, every_s=1, seed=1).open()
    assert len(peer.deployed) == 1
    assert [event_id for event_id, _ in peer.deliveries] == [event["id"] for event in applications(1, BURST)]


async def test_branch_sends_no_more_than_it_was_told(peer: Peer, gateway: Gateway) -> None:
    await Branch(gateway, count=2, every_s=1, seed=1).open()
    assert len(peer.deliveries) == 2


async def test_refusal_is_told_with_every_fault(peer: Peer, gateway: Gateway) -> None:
    peer.status, peer.answer = 422, {"detail": "nothing was deployed", "faults": [{"message": "no `do`"}]}
    with pytest.raises(RefusedError, match="nothing was deployed no `do`"):
        await gateway.deploy(b"")


async def test_gateway_that_is_away_is_no_refusal(peer: Peer, gateway: Gateway) -> None:
    peer.status, peer.answer = 503, {"detail": "Kafka does not answer"}
    with pytest.raises(ClientError, match="Kafka does not answer"):
        await gateway.deploy(b"")


def test_prometheus_is_told_every_process_by_name(tmp_path: Path) -> None:
    file = prometheus.write_targets(tmp_path, {"engine": "http://127.0.0.1:4711/metrics"})
    assert json.loads(file.read_text()) == [{"targets": ["127.0.0.1:4711"], "labels": {"process": "engine"}}]
