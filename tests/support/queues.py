"""A server of AMQP 0-9-1 in test size: takes messages for its queues, and does with them what it is told to."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pamqp.frame
from pamqp import body, commands, header

CAPABILITIES = {"publisher_confirms": True, "basic.nack": True, "consumer_cancel_notify": True}
PASSWORD = "s3cret"
NOT_FOUND = 404


class Answer(StrEnum):
    """What is said of a message."""

    ACK = "ack"
    NACK = "nack"
    SILENCE = "silence"
    RESET = "reset"


@dataclass
class Queues:
    """What has come, by queue, and what is said of the next."""

    url: str = ""
    came: dict[str, list[tuple[commands.Basic.Properties, bytes]]] = field(default_factory=lambda: {"orders": []})
    says: Answer = Answer.ACK
    connections: int = 0
    most: int = 10**9  # messages that are kept
    gives: list[tuple[bytes, bytes]] = field(default_factory=list)  # to who consumes: what goes before, and a content
    taken: int = 0  # of these, how many were acknowledged
    frame_max: int = 131_072  # that it asks for
    told: list[Any] = field(default_factory=list)  # what the client has answered to that

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        try:
            await reader.readexactly(8)
            start = commands.Connection.Start(
                server_properties={"capabilities": dict(CAPABILITIES)}, mechanisms="PLAIN", locales="en_US"
            )
            _send(writer, 0, start)
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = 0
        while True:
            channel, frame = await _frame(reader)
            if isinstance(frame, commands.Basic.Publish):
                _, head = await _frame(reader)
                content = b""
                while len(content) < head.body_size:
                    content += (await _frame(reader))[1].value
                number += 1
                if not self._take(writer, channel, number, frame, head, content):
                    return
            elif isinstance(frame, commands.Connection.Close):
                _send(writer, 0, commands.Connection.CloseOk())
                return
            elif isinstance(frame, commands.Basic.Consume):
                _send(writer, channel, commands.Basic.ConsumeOk(frame.consumer_tag))
                self._give(writer, channel, str(frame.consumer_tag))
            elif isinstance(frame, commands.Basic.Ack):
                self.taken = frame.delivery_tag
            elif (answer := self._answer(frame)) is not None:
                _send(writer, channel, answer)
                if isinstance(answer, commands.Connection.Close):
                    return

    def _answer(self, frame: Any) -> Any:
        match frame:
            case commands.Connection.StartOk():
                if str(frame.response).endswith(f"\0{PASSWORD}"):
                    return commands.Connection.Tune(channel_max=0, frame_max=self.frame_max, heartbeat=0)
                return commands.Connection.Close(reply_code=403, reply_text="ACCESS_REFUSED", class_id=0, method_id=0)
            case commands.Connection.TuneOk():
                self.told.append(frame)
            case commands.Connection.Open():
                return commands.Connection.OpenOk()
            case commands.Channel.Open():
                return commands.Channel.OpenOk()
            case commands.Channel.Close():
                return commands.Channel.CloseOk()
            case commands.Confirm.Select():
                return commands.Confirm.SelectOk()
            case commands.Basic.Qos():
                return commands.Basic.QosOk()
            case commands.Queue.Declare():
                if frame.queue not in self.came:
                    return _not_there()
                count = len(self.came[frame.queue])
                return commands.Queue.DeclareOk(queue=frame.queue, message_count=count, consumer_count=0)
        return None

    def _give(self, writer: asyncio.StreamWriter, channel: int, tag: str) -> None:
        """All that has not been acknowledged."""
        for number, (head, content) in enumerate(self.gives[self.taken :], self.taken + 1):
            _send(writer, channel, commands.Basic.Deliver(tag, number, False, "", "orders"))
            writer.write(b"\x02" + channel.to_bytes(2) + len(head).to_bytes(4) + head + b"\xce")
            if content:
                _send(writer, channel, body.ContentBody(content))

    def _take(
        self,
        writer: asyncio.StreamWriter,
        channel: int,
        number: int,
        frame: commands.Basic.Publish,
        head: header.ContentHeader,
        content: bytes,
    ) -> bool:
        """Keeps a message, or not; whether the connection goes on."""
        if frame.exchange:
            _send(writer, channel, _not_there())
            return True
        kept = self.came.get(str(frame.routing_key))
        if kept is None:
            returned = commands.Basic.Return(312, "NO_ROUTE", str(frame.exchange), str(frame.routing_key))
            _send(writer, channel, returned, header.ContentHeader(0, len(content), head.properties))
            _send(writer, channel, body.ContentBody(content))
        elif self.says is not Answer.NACK:
            kept.append((head.properties, content))
            del kept[: -self.most]
        match self.says:
            case Answer.ACK:
                _send(writer, channel, commands.Basic.Ack(number))
            case Answer.NACK:
                _send(writer, channel, commands.Basic.Nack(number))
            case Answer.RESET:
                peer: socket.socket = writer.get_extra_info("socket")
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
                return False
        return True


def head_of(size: int, **properties: Any) -> bytes:
    """What goes before a message, as it is on the wire."""
    marshalled: bytes = header.ContentHeader(0, size, commands.Basic.Properties(**properties)).marshal()
    return marshalled


def _not_there() -> commands.Channel.Close:
    return commands.Channel.Close(reply_code=NOT_FOUND, reply_text="NOT_FOUND", class_id=0, method_id=0)


def _send(writer: asyncio.StreamWriter, channel: int, *frames: Any) -> None:
    writer.write(b"".join(pamqp.frame.marshal(each, channel) for each in frames))


async def _frame(reader: asyncio.StreamReader) -> tuple[int, Any]:
    """The next frame that says something."""
    while True:
        head = await reader.readexactly(7)
        raw = head + await reader.readexactly(int.from_bytes(head[3:7]) + 1)
        _, channel, frame = pamqp.frame.unmarshal(raw)
        if type(frame).__name__ != "Heartbeat":
            return channel, frame


@asynccontextmanager
async def queues() -> AsyncIterator[Queues]:
    """Runs one."""
    it = Queues()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await it.serve(reader, writer)
        finally:
            tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    it.url = f"amqp://exlify:{PASSWORD}@127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield it
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
