"""What comes in a queue is taken, whatever goes with it: what cannot be read is told and holds up nothing behind it."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from connectors.amqp.address import server_of
from connectors.amqp.frames import MOST_FRAME, MOST_PROPERTIES, UNREADABLE
from connectors.amqp.inlet import AmqpInlet
from connectors.hub.inlet import Came, InletError
from tests.support.queues import Queues, head_of, queues

CONTENT = b'{"n": 1}'
_CONTENT_TYPE, _HEADERS, _MESSAGE_ID, _TIMESTAMP = 0x8000, 0x2000, 0x0080, 0x0040


@pytest.fixture
async def server() -> AsyncIterator[Queues]:
    async with queues() as found:
        yield found


def head(flags: int, properties: bytes) -> bytes:
    return struct.pack(">HHQH", 60, 0, len(CONTENT), flags) + properties


def table(entries: bytes) -> bytes:
    return struct.pack(">I", len(entries)) + entries


def nested(times: int) -> bytes:
    found = b""
    for _ in range(times):
        found = b"\x01aF" + table(found)
    return table(found)


@asynccontextmanager
async def inlet(server: Queues) -> AsyncIterator[AmqpInlet]:
    made = AmqpInlet(lambda: server_of("partner", server.url, None), "orders")
    try:
        yield made
    finally:
        await made.close()


async def taken(server: Queues, count: int) -> list[Came]:
    found: list[Came] = []
    async with inlet(server) as made:
        while len(found) < count:
            found += await made.take(10)
            await made.settle()
    return found


@pytest.mark.parametrize(
    "hostile",
    [
        head(_MESSAGE_ID, b"\x02\xff\xfe"),
        head(_TIMESTAMP, b"\xff" * 8),
        head(_HEADERS, table(b"\x01aQ")),
        head(_HEADERS, table(b"\x01aT" + b"\xff" * 8)),
        head(_HEADERS, nested(5_000)),
        head(_HEADERS, table(b"\x01at\x01" * 20_000)),
        head(_HEADERS, struct.pack(">I", 2**31) + b"\x01a"),
        head(_CONTENT_TYPE | _MESSAGE_ID, b"\x03a/b"),
        head(0xFFFF, b""),
    ],
    ids=["utf-8", "time", "type", "time-in-table", "nested", "many", "length", "cut", "flags"],
)
async def test_what_goes_with_a_message_and_cannot_be_read_is_told_and_holds_up_nobody(
    server: Queues, hostile: bytes
) -> None:
    """The client would end the connection over it, and be given it again for ever."""
    usual = head_of(len(CONTENT), content_type="application/json", message_id="7", headers={"A": "b"})
    server.gives = [(hostile, CONTENT), (usual, CONTENT)]
    first, second = await taken(server, 2)
    assert (first.fault, first.content, first.id, first.headers) == (UNREADABLE, CONTENT, "", {})
    assert (second.fault, second.id, second.content_type) == ("", "7", "application/json")
    assert second.headers == {"content-type": "application/json", "a": "b"}
    assert server.connections == 1


async def test_as_much_as_usual_messages_have_is_read(server: Queues) -> None:
    headers = {f"name-{number}": "v" * 100 for number in range(200)}
    server.gives = [(head_of(len(CONTENT), headers=headers), CONTENT)]
    (found,) = await taken(server, 1)
    assert len(server.gives[0][0]) < MOST_PROPERTIES
    assert (found.fault, found.headers) == ("", headers)


@pytest.mark.parametrize("wanted", [0, 2**31, 8_192])
async def test_a_server_is_told_how_large_frames_may_be(server: Queues, wanted: int) -> None:
    server.frame_max = wanted
    server.gives = [(head_of(len(CONTENT)), CONTENT)]
    await taken(server, 1)
    assert [each.frame_max for each in server.told] == [min(wanted or MOST_FRAME, MOST_FRAME)]


async def test_a_frame_beyond_that_ends_the_connection_before_it_is_kept(server: Queues) -> None:
    server.gives = [(head_of(MOST_FRAME + 1), b"x" * (MOST_FRAME + 1))]
    async with inlet(server) as made:
        with pytest.raises(InletError, match="UNREACHED"):
            while True:
                await made.take(10)
