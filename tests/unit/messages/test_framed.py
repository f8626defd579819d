"""Avro of other clusters is read by the schemas of their registry, or said to be broken; hostile bytes cost nothing."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.codecs.scalars import CodecError
from connectors.hub.inlet import InletError
from connectors.kafka.framed import Framed
from schemas.registry import Registry, RegistryAccess
from schemas.wire import frame_prefix
from streams.ground.errors import ConfigurationError
from streams.ground.settings import Settings
from streams.ground.site import Site
from streams.messages.declared import read_messages
from streams.messages.places import framed_of
from streams.processors.call.connections import Addresses
from tests.support import peers
from tests.support.registries import registry

ORDER = {
    "type": "record",
    "name": "Order",
    "fields": [
        {"name": "number", "type": "string"},
        {"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
    ],
}
NESTED = {"type": "record", "name": "N", "fields": [{"name": "next", "type": ["null", "N"]}]}
ENDLESS = {"type": "record", "name": "E", "fields": [{"name": "a", "type": {"type": "array", "items": "null"}}]}
SCHEMAS = {1: ORDER, 2: ENDLESS, 3: {"type": "object"}, 4: NESTED}


def framed(value: Any, id_: int = 1) -> bytes:
    data = io.BytesIO()
    fastavro.schemaless_writer(data, fastavro.parse_schema(ORDER), value)
    return frame_prefix(id_) + data.getvalue()


@asynccontextmanager
async def learned(*contents: bytes | None, status: int = 200) -> AsyncIterator[Framed]:
    async with registry(SCHEMAS, status) as url, Registry(RegistryAccess(url, total_timeout_s=0.1)) as asked:
        it = Framed(asked)
        await it.learn(contents)
        yield it


async def test_a_value_is_read_by_the_schema_of_its_id() -> None:
    content = framed({"number": "A-1", "total": b"\x07\xd0"})
    async with learned(content, None) as it:
        assert it.read(content) == {"number": "A-1", "total": "20.00"}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is not framed"),
        (b'{"number": 1}', "is not framed"),
        (frame_prefix(9), "its schema 9 is not in the registry"),
        (frame_prefix(2) + b"\xff\xff\xff\xff\x0f\x00", "its schema 2 repeats what takes no bytes"),
        (frame_prefix(3), "its schema 3 is none of Avro"),
        (frame_prefix(1) + b"\x06", "is no Avro of its schema 1"),
        (frame_prefix(1) + b"\x02\xff\x00\x00", "is no Avro of its schema 1"),
        (framed({"number": "A", "total": b""}) + b"x", "more bytes"),
        (frame_prefix(4) + b"\x02" * 500_000, "its schema 4 .* holds itself"),
    ],
)
async def test_what_is_none_is_broken(content: bytes, says: str) -> None:
    async with learned(content) as it:
        with pytest.raises(CodecError, match=says):
            it.read(content)


@given(st.binary(max_size=60))
async def test_any_bytes_are_read_or_broken(content: bytes) -> None:
    async with Registry(RegistryAccess("http://127.0.0.1")) as nobody:
        it = Framed(nobody)
        it._known[1] = fastavro.parse_schema(ORDER)
        try:
            json.dumps(it.read(frame_prefix(1) + content))
        except CodecError:
            return


@pytest.mark.parametrize(("status", "says"), [(403, "FORBIDDEN"), (500, "UNREACHED")])
async def test_a_registry_that_does_not_say_stops_the_reading(status: int, says: str) -> None:
    with pytest.raises(InletError, match=says):
        async with learned(frame_prefix(1), status=status):
            pass


@pytest.mark.parametrize(
    ("url", "fits"), [("http://127.0.0.1:9/apis", True), ("kafka://127.0.0.1:9", False), (None, False)]
)
async def test_the_registry_is_a_connection(tmp_path: Path, url: str | None, fits: bool) -> None:
    (tmp_path / "connections.yaml").write_text(f"partner: kafka://127.0.0.1:{peers.unused_port()}\n")
    if url is not None:
        with (tmp_path / "connections.yaml").open("a") as file:
            file.write(f"registry: {url}\n")
    (tmp_path / "messages.yaml").write_text("a: {connection: partner, from: orders, type: t, avro: registry}\n")
    site = Site(tmp_path)
    source = site.file("messages.yaml", read_messages).value["a"]
    addresses = Addresses(Settings(site_dir=tmp_path), site)
    if not fits:
        with pytest.raises(ConfigurationError, match="connection registry is no registry of schemas"):
            async with framed_of(source, addresses):
                pass
        return
    async with framed_of(source, addresses) as it:
        assert isinstance(it, Framed)
