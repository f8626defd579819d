"""What comes in a mailbox, by IMAP: mails that nobody has read, each of which is marked or moved once it is done with.

The client blocks, so it has a thread of its own. A mail is looked at without touching it, its size is asked before its
text, and it is known for ever by its number in the folder.
"""

from __future__ import annotations

import asyncio
import imaplib
import re
import socket
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from connectors.hub.contract import Refused
from connectors.hub.identity import Tls
from connectors.hub.inlet import MOST_BYTES, Came, InletError
from connectors.hub.loopback import is_here
from connectors.hub.servers import split
from connectors.hub.tls import context
from connectors.mail.imap import Imap, ImapTls
from schemas.reasons import Reason

T = TypeVar("T")
PORTS = {"imap": 143, "imaps": 993}
PATIENCE_S = 30.0  # for one answer
LONGEST_S = 600.0  # for all that is asked at once: a server may answer bit by bit
LOOK_S = 2.0  # between looks that find nothing
MAIL = "message/rfc822"
_SIZE = re.compile(rb"RFC822\.SIZE (\d+)")
_BODY = re.compile(rb'BODY\[\]\S* (?:NIL|"((?:[^"\\]|\\.)*)")')  # of a short one, which is no literal
_FOLDER = re.compile(r"[\x20-\x7e]{1,200}")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Where mails come in, and who asks for them."""

    host: str
    port: int
    secure: bool
    user: str = field(repr=False)
    password: str = field(repr=False)
    tls: Tls


def mailbox_of(name: str, url: str, tls: Tls | None) -> Mailbox:
    """The mailbox of the connection called `name`. Raises Refused (MISCONFIGURED)."""
    wrong = f"connection {name} is no mailbox; write imaps://USER:PASSWORD@HOST"
    parts = split(url, PORTS)
    if parts is None or not parts.user or not parts.password:
        raise Refused(Reason.MISCONFIGURED, wrong)
    secure = parts.scheme == "imaps"
    if not secure and not is_here(parts.host):
        raise Refused(Reason.MISCONFIGURED, f"connection {name} would send a password in clear; write imaps://")
    return Mailbox(parts.host, parts.port, secure, parts.user, parts.password, tls or Tls())


class MailInlet:
    """The mails of one folder. `mailbox` says where it is, as it is now; it may raise Refused."""

    def __init__(self, mailbox: Callable[[], Mailbox], folder: str, done: str | None) -> None:
        """`done` is the folder that mails go to; without one they are marked as read."""
        self._mailbox = mailbox
        self._folder = folder
        self._done = done
        self._client: imaplib.IMAP4 | None = None
        self._to: Mailbox | None = None
        self._taken: list[bytes] = []
        self._validity = ""
        self._asking = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="imap-inlet")

    async def take(self, most: int) -> Sequence[Came]:
        """As Inlet has it."""
        found = await self._aside(lambda: self._look(most))
        if not found:
            await asyncio.sleep(LOOK_S)
        return found

    async def settle(self) -> None:
        """As Inlet has it."""
        await self._aside(self._settled)

    async def close(self) -> None:
        """As Inlet has it. What is asked just now is cut, so that nobody waits for a server that does not answer."""
        if self._asking and self._client is not None:
            with suppress(OSError):
                self._client.sock.shutdown(socket.SHUT_RDWR)
        await self._aside(self._end)
        self._thread.shutdown(wait=False)

    async def _aside(self, work: Callable[[], T]) -> T:
        def asked() -> T:
            self._asking = True
            try:
                return work()
            finally:
                self._asking = False

        running = asyncio.get_running_loop().run_in_executor(self._thread, asked)
        try:
            async with asyncio.timeout(LONGEST_S):
                return await asyncio.shield(running)
        except Refused as refused:
            raise InletError(refused.outcome.reason, refused.outcome.detail) from None
        except TimeoutError:
            raise InletError(Reason.TIMED_OUT, "the server does not answer in time") from None
        except ssl.SSLError:
            raise InletError(Reason.UNREACHED, "TLS fails; see whom `tls` trusts") from None
        except (OSError, imaplib.IMAP4.abort):
            raise InletError(Reason.UNREACHED, "the server is not reached") from None
        except imaplib.IMAP4.error:
            raise InletError(Reason.REMOTE_FAULT, "the server does not do what it is asked") from None

    # --- in the thread

    def _look(self, most: int) -> Sequence[Came]:
        client = self._connected()
        found = next(iter(self._asked(client, "SEARCH", "UNSEEN", "UNDELETED")), None)
        numbers = (found if isinstance(found, bytes) else b"").split()[:most]
        came = {each: mail for each in numbers if (mail := self._came(client, each.decode())) is not None}
        self._taken = list(came)
        return list(came.values())

    def _came(self, client: imaplib.IMAP4, number: str) -> Came | None:
        """None where it is not there any more: somebody has moved or removed it."""
        said = self._asked(client, "FETCH", number, "(RFC822.SIZE)")
        sizes = [int(at[1]) for each in said if isinstance(each, bytes) and (at := _SIZE.search(each))]
        if not sizes:
            return None
        content = None
        if sizes[0] <= MOST_BYTES:
            said = self._asked(client, "FETCH", number, f"(BODY.PEEK[]<0.{MOST_BYTES + 1}>)")
            content = next((found for each in said if (found := _body(each)) is not None), None)
            if content is None:
                return None
        is_whole = content is not None and len(content) <= MOST_BYTES  # it may be larger than its server has said
        id_, place = f"{self._validity}/{number}", f"mail {number} of the folder"
        return Came(id=id_, content=content if is_whole else None, content_type=MAIL, place=place)

    def _asked(self, client: imaplib.IMAP4, command: str, *more: str) -> list[Any]:
        """What the server says, if it does what it is asked."""
        done, said = client.uid(command, *more)
        if done != "OK":
            raise client.error(f"{command} is answered with {done}")
        return said

    def _settled(self) -> None:
        if self._client is None or not self._taken:
            return
        numbers, self._taken = b",".join(self._taken).decode(), []
        if self._done is None:
            self._said(self._client.uid("STORE", numbers, "+FLAGS.SILENT", r"(\Seen)"), "mails cannot be marked")
            return
        answer = self._client.uid("MOVE", numbers, _quoted(self._done))
        self._said(answer, "mails cannot be moved; `done` has to name a folder that is there, and its server to move")

    def _connected(self) -> imaplib.IMAP4:
        mailbox = self._mailbox()
        if self._client is not None and self._to == mailbox:
            return self._client
        self._end()
        if mailbox.secure:
            try:
                secure = context(mailbox.tls)
            except ValueError:
                raise Refused(Reason.MISCONFIGURED, "its certificates are none") from None
            client: imaplib.IMAP4 = ImapTls(mailbox.host, mailbox.port, ssl_context=secure, timeout=PATIENCE_S)
        else:
            client = Imap(mailbox.host, mailbox.port, timeout=PATIENCE_S)
        self._client, self._to = client, mailbox
        try:
            client.login(_quoted(_quotable(mailbox.user)), _quotable(mailbox.password))  # it quotes the password itself
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:
            raise Refused(Reason.AUTH_EXPIRED, "the server does not let us in") from None
        self._said(client.select(_quoted(self._folder)), "the folder is not there", Reason.NOT_FOUND)
        _, (validity,) = client.response("UIDVALIDITY")
        self._validity = (validity or b"").decode() if isinstance(validity, bytes | None) else ""
        return client

    def _said(self, answer: tuple[str, object], what: str, reason: Reason = Reason.MISCONFIGURED) -> None:
        if answer[0] != "OK":
            raise Refused(reason, what)

    def _end(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(imaplib.IMAP4.error, OSError):
                client.logout()


def _body(said: Any) -> bytes | None:
    """The text of a mail, where an answer has it."""
    if isinstance(said, tuple):
        return bytes(said[1])
    found = _BODY.search(said) if isinstance(said, bytes) else None
    return None if found is None else re.sub(rb"\\(.)", rb"\1", found[1] or b"")


def _quoted(folder: str) -> str:
    """A name of a folder as the protocol has it."""
    return '"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _quotable(text: str) -> str:
    """Of user and password, what the protocol can say in one line. Raises Refused."""
    if not _FOLDER.fullmatch(text):
        raise Refused(Reason.MISCONFIGURED, "user or password has what IMAP cannot say; write printable ASCII")
    return text
