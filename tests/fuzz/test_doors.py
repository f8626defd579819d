"""Any bytes may come in at the gateway and on Kafka: they are taken or refused, and nothing of ours is at fault."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from schemas.business import EventTypes
from schemas.cloudevents import CloudEvent, InvalidEventError, from_headers, to_headers
from schemas.cloudevents_http import BATCH, STRUCTURED, parse_request
from schemas.codec import Codec, UndecodableRecord, UnknownSchemaId
from streams.gateway.protocol import Runner
from streams.gateway.server import make_app
from streams.gateway.settings import GatewaySettings
from streams.ground.settings import Settings
from tests.support.gateways import AsyncGateway
from tests.support.raw_requests import BINARY, REFUSED, TAKEN
from tests.support.unusable import EVERY_KIND

pytestmark = pytest.mark.fuzz

SILENCE_S = 0.3  # after which a request that asks for no end is cut off by its sender
PARTS = [
    b"\r\n", b"\n", b": ", b" ", b"\t", b"\0", b"\xff", b"\x80", b"%00", b"%ff", b"HTTP/1.1", b"HTTP/1.0", b"GET ",
    b"POST ", b"/v1/events", b"/v1/tasks", b"?limit=", b"&", b"host", b"content-length: 3\r\n",
    b"content-length: -1\r\n", b"transfer-encoding: chunked\r\n", b"content-encoding: gzip\r\n",
    b"content-type: application/json\r\n", b"expect: x\r\n", b"ce-id: 1\r\n", b"ce-time: 2026\r\n",
    b"webhook-id: x\r\n", b"upgrade: websocket\r\nconnection: upgrade\r\n", b"connection: keep-alive\r\n", b"{", b"}",
    b"[", b'"', b"1e999", b"0\r\n\r\n", b"5\r\nhello\r\n", b"9" * 30,
]  # fmt: skip
TEMPLATES = [request for request in (*REFUSED.values(), *TAKEN.values(), BINARY) if len(request) < 4_000]
noise = st.lists(st.sampled_from(PARTS), max_size=6).map(b"".join) | st.binary(max_size=20)


def changed(template: bytes, at: float, length: int, put: bytes) -> bytes:
    """The bytes with some of them exchanged."""
    begin = int(at * len(template))
    return template[:begin] + put + template[begin + length :]


def nearly(templates: list[bytes]) -> st.SearchStrategy[bytes]:
    """One of these with some of it exchanged, or noise alone."""
    return st.builds(changed, st.sampled_from(templates), st.floats(0, 1), st.integers(0, 30), noise) | noise


class Door:
    """A gateway on a thread of its own, and what it has logged as a fault."""

    def __init__(self, folder: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._folder = folder
        self._ready = threading.Event()
        self.port = 0
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)
        self._thread.start()
        assert self._ready.wait(30)

    async def _serve(self) -> None:
        settings = Settings(data_dir=self._folder).with_(GatewaySettings(max_body_bytes=100_000))
        async with AsyncGateway(settings) as running:
            runner = Runner(make_app(running.services), access_log=None)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.port = runner.addresses[0][1]
            self._ready.set()
            await self._ended.wait()
            await runner.cleanup()

    def ask(self, request: bytes) -> bytes:
        """Everything that comes back until the gateway closes, or is silent for a while."""
        return asyncio.run_coroutine_threadsafe(self._ask(request), self._loop).result(30)

    async def _ask(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        said = b""
        try:
            async with asyncio.timeout(SILENCE_S):
                while piece := await reader.read(65_536):
                    said += piece
        except (TimeoutError, ConnectionError):
            pass
        writer.transport.abort()
        return said

    def close(self) -> None:
        """Ends the gateway."""
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(30)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    running = Door(tmp_path_factory.mktemp("door"))
    yield running
    running.close()


class Faults(logging.Handler):
    """What libraries log as errors while the context lasts."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(self.format(record))

    def __enter__(self) -> Faults:
        logging.getLogger().addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().removeHandler(self)


@given(request_=nearly(TEMPLATES))
def test_gateway_answers_and_is_not_at_fault(door: Door, request_: bytes) -> None:
    with capture_logs() as logged, Faults() as faults:
        said = door.ask(request_)
    assert (logged, faults.records) == ([], [])
    assert said == b"" or said.startswith(b"HTTP/")
    assert not re.search(rb"HTTP/[0-9.]+ 5", said)


ATTRIBUTES = [
    "id", "source", "type", "specversion", "time", "subject", "datacontenttype", "dataschema", "data", "X", "",
]  # fmt: skip
VALUES_OF_ATTRIBUTES = ["1.0", "/s", "2026-01-31T08:30:00Z", "application/json", "%ff", '"a', "\\"]
MODES = [STRUCTURED, BATCH, "application/json", "text/plain", "application/cloudevents+xml"]
EVENT = b'[{"specversion":"1.0","id":"1","source":"/s","type":"t"}]'
texts = st.text(max_size=10) | st.sampled_from(VALUES_OF_ATTRIBUTES)
members = st.dictionaries(
    st.sampled_from(ATTRIBUTES) | st.text(max_size=5),
    texts | st.none() | st.booleans() | st.integers() | st.lists(st.integers(), max_size=2),
    max_size=9,
)
bodies = members.map(lambda found: json.dumps(found).encode()) | st.binary(max_size=30) | nearly([EVENT, EVENT[1:-1]])


@given(
    headers=st.lists(st.tuples(st.sampled_from(ATTRIBUTES).map("ce-{}".format) | texts, texts), max_size=8),
    mode=st.sampled_from(MODES),
    body=bodies,
)
def test_event_is_valid_or_its_faults_are_told(headers: list[tuple[str, str]], mode: str, body: bytes) -> None:
    try:
        events = parse_request([*headers, ("content-type", mode)], body)
    except InvalidEventError as refused:
        assert refused.faults
        return
    for event in events:
        sent = to_headers(event.attributes, "application/avro")
        assert from_headers(sent) == {**event.attributes, "datacontenttype": "application/avro"}


VALID = {"specversion": "1.0", "id": "1", "source": "/s"}
CODEC, TYPES = Codec.offline(), EventTypes.load()
VALUES = [value for value in EVERY_KIND.values() if len(value) < 5_000]


record_values = st.none() | st.binary(max_size=9) | texts.map(lambda text: text.encode(errors="replace"))
record_headers = st.lists(st.tuples(st.sampled_from(ATTRIBUTES).map("ce_{}".format) | texts, record_values), max_size=8)


@given(value=nearly(VALUES), headers=record_headers)
def test_record_is_read_or_cannot_be(value: bytes, headers: list[tuple[str, bytes | None]]) -> None:
    try:
        name, data = CODEC.decode(value)
        assert CODEC.decode(CODEC.encode(name, data)) == (name, data) or data != data
        TYPES.event_of(headers, name, data)
    except (UndecodableRecord, UnknownSchemaId) as refused:
        assert str(refused)


@given(attributes=st.dictionaries(st.sampled_from(ATTRIBUTES), texts, max_size=9), data=st.binary(max_size=30))
def test_event_comes_back_from_its_record(attributes: dict[str, str], data: bytes) -> None:
    try:
        event = CloudEvent(VALID | attributes | {"type": "fuzz.v1"}, data.decode(errors="replace"))
    except InvalidEventError:
        return
    encoded = TYPES.encode_event(CODEC, event)
    found, value = TYPES.decode_event(CODEC, encoded.headers, encoded.value)
    assert (found["id"], value) == (event.id, event.data)
