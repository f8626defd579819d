"""A mail server on loopback: keeps what it takes, and refuses what it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from typing import Any

from aiosmtpd.smtp import SMTP


@dataclass
class Mailbox:
    """What has arrived, and what is said of the next."""

    url: str = ""
    mails: list[Message] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    refuses: dict[str, str] = field(default_factory=dict)  # by recipient, or DATA
    silent: bool = False  # takes a mail and says nothing
    breaks: set[str] = field(default_factory=set)  # recipients whose next mail is taken, and the answer to it lost
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.asked.set()
        if "DATA" in self.refuses:
            return self.refuses["DATA"]
        self.mails.append(message_from_bytes(envelope.content))
        self.recipients.append(list(envelope.rcpt_tos))
        if self.silent:
            await asyncio.Event().wait()
        if lost := self.breaks.intersection(envelope.rcpt_tos):
            self.breaks -= lost
            server.transport.abort()
        return "250 taken"


@asynccontextmanager
async def mailbox() -> AsyncIterator[Mailbox]:
    """Runs one."""
    it = Mailbox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(it, hostname="mail.example.com", loop=loop), "127.0.0.1", 0)
    it.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield it
    finally:
        server.close()
