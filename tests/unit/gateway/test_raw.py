"""Raw bytes at the door: whatever is sent is answered with a problem of the 4xx family, and no fault is logged.

The requests stand in `tests/support/raw_requests.py`.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from schemas.messages import HUMAN_TASK
from streams.gateway import protocol
from streams.gateway.protocol import Runner
from streams.gateway.server import make_app
from streams.gateway.settings import GatewaySettings
from streams.ground.settings import Settings
from tests.support.desk import Desk, command
from tests.support.gateways import AsyncGateway, Gateway
from tests.support.raw_requests import EVENT, REFUSED, STRUCTURED, TAKEN, answer, get, post
from tests.support.waiting import PATIENCE_S


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    settings = Settings(data_dir=tmp_path).with_(GatewaySettings(max_body_bytes=1_000_000))
    async with AsyncGateway(settings) as running:
        desk = Desk()
        for task in desk.decoded(desk.deliver(command(form={})), HUMAN_TASK):
            running.see(HUMAN_TASK, task)
        yield running


@pytest.fixture
async def door(gateway: Gateway) -> AsyncIterator[int]:
    """The port of a gateway as `exlify gateway` runs it."""
    runner = Runner(make_app(gateway.services), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


@pytest.mark.parametrize("case", REFUSED)
async def test_odd_request_is_refused_as_a_problem(
    case: str, door: int, gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    with capture_logs() as logged, caplog.at_level(logging.INFO):
        status, media_type, body = await answer(door, REFUSED[case])
    problem = json.loads(body)
    assert (400 <= status < 500, media_type, problem["status"]) == (True, "application/problem+json", status), problem
    assert problem["type"].startswith("urn:exlify:problem:") and problem["title"] and problem["detail"]
    assert gateway.outbox.records == []
    assert logged == [] and [each for each in caplog.records if each.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("path", [b"/v1/tasks", b"/v1/definitions", b"/v1/instances/x"])
async def test_token_of_other_bytes_is_a_wrong_one(path: bytes, tmp_path: Path) -> None:
    async with AsyncGateway(Settings(data_dir=tmp_path).with_(GatewaySettings(token="t0ken"))) as running:
        runner = Runner(make_app(running.services), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        for sent in (b"Bearer \xff", b"Bearer t0ken\xff", b"\xff", b"Bearer"):
            status, media_type, _ = await answer(runner.addresses[0][1], get(path, b"authorization: " + sent + b"\r\n"))
            assert (status, media_type) == (401, "application/problem+json")
        await runner.cleanup()


@pytest.mark.parametrize(
    ("status", "case"),
    [(415, "unknown packing"), (415, "packed twice"), (413, "a bomb"), (422, "answer: deep as the writer goes"),
     (401, "signed long ago, written long"), (400, "event data: NaN"), (422, "event data: too deep"),
     (417, "an unknown Expect"), (422, "actor of an answer: very long"),
     (422, "actor of an end: an escape"), (404, "NUL in the path"), (400, "NUL in the query")],
)  # fmt: skip
async def test_status_says_what_is_wrong(status: int, case: str, door: int) -> None:
    assert (await answer(door, REFUSED[case]))[0] == status


@pytest.mark.parametrize("case", TAKEN)
async def test_what_is_just_right_is_taken(case: str, door: int) -> None:
    status, _, body = await answer(door, TAKEN[case])
    assert status in (200, 202), body


@pytest.mark.parametrize("before", [b"", get(b"/livez")], ids=["first", "second"])
@pytest.mark.parametrize("head", [b"", b"GET /livez HTTP/1.1\r\nx: "])
async def test_head_that_never_ends_is_not_waited_for(
    before: bytes, head: bytes, door: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_S", 0.1)
    monkeypatch.setattr(protocol, "IDLE_S", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", door)
    writer.write(before.replace(b"connection: close", b"x: y") + head)
    async with asyncio.timeout(PATIENCE_S):
        while await reader.read(65_536):
            pass
    writer.close()


@pytest.mark.parametrize("cut", [20, 200])
async def test_client_that_leaves_is_no_news(
    cut: int, door: int, gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    with capture_logs() as logged, caplog.at_level(logging.INFO):
        _, writer = await asyncio.open_connection("127.0.0.1", door)
        writer.write(post(b"/v1/events", EVENT % b'"' + b"x" * 100_000, STRUCTURED)[:cut])
        await writer.drain()
        writer.transport.abort()
        assert (await answer(door, get(b"/v1/tasks")))[0] == 200
    assert logged == [] and caplog.records == []
