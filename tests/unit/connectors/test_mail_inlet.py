"""What comes in a mailbox is taken whatever its server says; what is not there is no mail, and nothing is kept that
has no bound."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from connectors.hub.inlet import MOST_BYTES, InletError
from connectors.mail.imap import MOST_LINE, MOST_LITERAL
from connectors.mail.inlet import MailInlet, mailbox_of

TEXT = b"Subject: one\r\n\r\nHello.\r\n"
SIZE = b"* 1 FETCH (UID {uid} RFC822.SIZE %d)\r\n" % len(TEXT)
BODY = b"* 1 FETCH (UID {uid} BODY[]<0> {{%d}}\r\n%s)\r\n" % (len(TEXT), TEXT)
USUAL = {
    b"CAPABILITY": b"* CAPABILITY IMAP4rev1 MOVE\r\n",
    b"SELECT": b"* 2 EXISTS\r\n* OK [UIDVALIDITY 9] it is\r\n",
    b"SEARCH": b"* SEARCH 4 5\r\n",
    b"RFC822.SIZE": SIZE,
    b"BODY.PEEK": BODY,
}


@dataclass
class Server:
    """A server of IMAP that says what it is told to, and OK to everything else."""

    url: str = ""
    says: dict[bytes, bytes] = field(default_factory=lambda: dict(USUAL))
    refuses: set[bytes] = field(default_factory=set)
    stored: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK here\r\n")
        try:
            while line := await reader.readline():
                tag, _, rest = line.partition(b" ")
                uid = (re.search(rb"FETCH (\d+)", rest) or [b"", b""])[1]
                known = next((word for word in self.says if word in rest), b"")
                if b"STORE" in rest:
                    self.stored.append(rest.split()[2])
                done = b"NO" if known in self.refuses else b"OK"
                writer.write(self.says.get(known, b"").replace(b"{uid}", uid).replace(b"{{", b"{").replace(b"}}", b"}"))
                writer.write(tag + b" " + done + b" done\r\n")
                await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    it = Server()
    made = await asyncio.start_server(it.serve, "127.0.0.1", 0)
    it.url = f"imap://me:secret@127.0.0.1:{made.sockets[0].getsockname()[1]}"
    yield it
    made.close()


@asynccontextmanager
async def inlet(server: Server) -> AsyncIterator[MailInlet]:
    made = MailInlet(lambda: mailbox_of("post", server.url, None), "INBOX", None)
    try:
        yield made
    finally:
        await made.close()


async def test_mails_are_taken_and_marked(server: Server) -> None:
    async with inlet(server) as made:
        assert [(each.id, each.content) for each in await made.take(10)] == [("9/4", TEXT), ("9/5", TEXT)]
        await made.settle()
    assert server.stored == [b"4,5"]


async def test_a_mail_that_somebody_has_taken_away_meanwhile_is_none(server: Server) -> None:
    """It was an event of a mail without anything in it."""
    for gone in (b"FETCH 4 (BODY", b"FETCH 4 (RFC822.SIZE"):
        server.says = {gone: b"", **USUAL}
        async with inlet(server) as made:
            assert [each.id for each in await made.take(10)] == ["9/5"]
            await made.settle()
    assert server.stored == [b"5"] * 2


@pytest.mark.parametrize("refused", [b"SEARCH", b"RFC822.SIZE", b"BODY.PEEK"])
async def test_what_a_server_cannot_give_now_comes_again(server: Server, refused: bytes) -> None:
    """It was an event of a mail without anything in it, and the mail was marked as read."""
    server.says[refused] = b""
    server.refuses = {refused}
    async with inlet(server) as made:
        with pytest.raises(InletError, match="REMOTE_FAULT: the server does not do what it is asked"):
            await made.take(10)
    assert server.stored == []


@pytest.mark.parametrize(("said", "content"), [(rb'"a\"b\\c"', b'a"b\\c'), (b'""', b""), (b"NIL", b"")])
async def test_a_short_mail_may_come_in_quotes(server: Server, said: bytes, content: bytes) -> None:
    server.says[b"SEARCH"] = b"* SEARCH 4\r\n"
    server.says[b"BODY.PEEK"] = b"* 1 FETCH (UID 4 BODY[]<0> " + said + b")\r\n"
    async with inlet(server) as made:
        (found,) = await made.take(10)
    assert found.content == content


async def test_of_very_many_mails_the_first_are_taken(server: Server) -> None:
    """The line that lists a hundred thousand is longer than the library takes."""
    server.says[b"SEARCH"] = b"* SEARCH " + b" ".join(b"%d" % number for number in range(1, 300_000)) + b"\r\n"
    assert len(server.says[b"SEARCH"]) > 4 * MOST_LINE
    async with inlet(server) as made:
        for _ in range(2):
            assert [each.id for each in await made.take(3)] == ["9/1", "9/2", "9/3"]
            await made.settle()
    assert server.stored == [b"1,2,3"] * 2


@pytest.mark.parametrize(
    "said",
    [
        b"* 1 FETCH (UID 4 BODY[]<0> {{%d}}\r\n" % (MOST_LITERAL + 1),
        b"* 1 FETCH (UID 4 BODY[]<0> {{99999999999}}\r\n",
        b"* 1 FETCH (FLAGS (A))\r\n" * 5_000,
    ],
    ids=["literal", "endless", "lines"],
)
async def test_an_answer_without_a_bound_is_not_kept(
    server: Server, said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.mail.imap.MOST_ANSWER", 2**20)
    server.says[b"BODY.PEEK"] = said
    async with inlet(server) as made:
        with pytest.raises(InletError, match="UNREACHED"):
            await made.take(10)


async def test_a_mail_larger_than_its_server_has_said_comes_without_its_content(server: Server) -> None:
    text = b"x" * (MOST_BYTES + 1)
    server.says[b"SEARCH"] = b"* SEARCH 4\r\n"
    server.says[b"BODY.PEEK"] = b"* 1 FETCH (UID 4 BODY[]<0> {{%d}}\r\n%s)\r\n" % (len(text), text)
    async with inlet(server) as made:
        (found,) = await made.take(10)
    assert found.content is None
