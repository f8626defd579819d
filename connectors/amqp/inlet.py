"""What comes in a queue: messages are taken a few at a time, and acknowledged once whoever takes them says so.

Any number of readers may share a queue. A message that is too large is known by its header, and its bytes are let go
as they come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import aiormq
from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel
from aiormq.exceptions import ChannelNotFoundEntity, InvalidFrameError
from pamqp.body import ContentBody
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from connectors.amqp.address import Server
from connectors.amqp.failures import FAILURES, before
from connectors.amqp.frames import UNREADABLE, is_unreadable
from connectors.amqp.headers import headers_of
from connectors.amqp.lines import closed, connection_to
from connectors.hub.contract import Refused
from connectors.hub.inlet import MOST_BYTES, Came, InletError

CONNECT_S = 20.0
LOOK_S = 2.0  # how long is waited for the first message
AHEAD = 2  # portions that the server sends before they are asked for
FRAMES = 16  # that are kept before they are read


class AmqpInlet:
    """The messages of one queue. `server` says where it is, as it is now; it may raise Refused."""

    def __init__(self, server: Callable[[], Server], queue: str) -> None:
        self._server = server
        self._queue = queue
        self._connection: aiormq.Connection | None = None
        self._to: Server | None = None
        self._came: asyncio.Queue[DeliveredMessage] = asyncio.Queue()
        self._channel: Channel | None = None
        self._gone: asyncio.Future[None] | None = None  # done once the queue is deleted
        self._last = 0

    async def take(self, most: int) -> Sequence[Came]:
        """As Inlet has it."""
        try:
            async with asyncio.timeout(CONNECT_S):
                channel, gone = await self._consuming(most)
            found = await self._first(channel, gone)
        except Refused as refused:
            raise InletError(refused.outcome.reason, refused.outcome.detail) from None
        except TimeoutError:
            raise InletError(*before(OSError())) from None
        except FAILURES as error:
            raise InletError(*before(error)) from None
        while len(found) < most and not self._came.empty():
            found.append(self._came.get_nowait())
        self._last = max((each.delivery_tag or 0 for each in found), default=0)
        return [self._read(each) for each in found]

    async def settle(self) -> None:
        """As Inlet has it."""
        if self._channel is None or not self._last:
            return
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._channel.basic_ack(self._last, multiple=True)
        except (TimeoutError, *FAILURES) as error:
            raise InletError(*before(error)) from None

    async def close(self) -> None:
        """As Inlet has it."""
        if self._connection is not None:
            await closed(self._connection)

    async def _consuming(self, most: int) -> tuple[Channel, asyncio.Future[None]]:
        server = self._server()
        if self._channel is not None and self._gone is not None and server == self._to:
            return self._channel, self._gone
        await self.close()  # where it is now is another place
        self._came, self._to = asyncio.Queue(), server
        self._connection = connection_to(server)
        await self._connection.connect()
        channel = _Bounded(self._connection, 1, publisher_confirms=False, frame_buffer=FRAMES)
        self._connection.channels[1] = channel
        await channel.open()
        await channel.basic_qos(prefetch_count=most * AHEAD)
        gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def is_gone(_: object) -> None:
            if not gone.done():
                gone.set_result(None)

        channel.on_consumer_cancel_callbacks.add(is_gone)
        await channel.basic_consume(self._queue, self._came.put)
        self._channel, self._gone = channel, gone
        return channel, gone

    async def _first(self, channel: Channel, gone: asyncio.Future[None]) -> list[DeliveredMessage]:
        """The first message, or none; fails where the channel or the queue has ended."""
        getting = asyncio.ensure_future(self._came.get())
        closing = channel.closing
        try:
            await asyncio.wait({getting, closing, gone}, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
            if getting.done():
                return [getting.result()]
            if gone.done():
                raise ChannelNotFoundEntity
            if closing.done():
                raise closing.exception() or ConnectionError()
            return []
        finally:
            getting.cancel()
            closing.cancel()

    def _read(self, message: DeliveredMessage) -> Came:
        properties = message.header.properties
        is_large = (message.header.body_size or 0) > MOST_BYTES
        content_type = properties.content_type or ""
        return Came(
            id=properties.message_id or "",
            content=None if is_large else message.body,
            content_type=content_type,
            headers=headers_of(properties.headers or {}, content_type),
            place=f"message {message.delivery_tag} of the queue",
            fault=UNREADABLE if is_unreadable(message.header) else "",
        )


class _Bounded(Channel):
    """Keeps no more of a message than is taken."""

    async def _read_content(
        self, frame: Basic.Deliver | Basic.Return | Basic.GetOk | Basic.GetEmpty, header: ContentHeader
    ) -> DeliveredMessage:
        left = header.body_size or 0
        if left <= MOST_BYTES:
            return await super()._read_content(frame, header)
        while left > 0:
            frame_of_it = await self._get_frame()
            if not isinstance(frame_of_it, ContentBody):
                raise InvalidFrameError(frame_of_it)
            left -= len(frame_of_it.value)
        return DeliveredMessage(delivery=frame, header=header, body=b"", channel=self)
