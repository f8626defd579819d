"""A client of IMAP that takes no more of an answer than there may be, whatever the server says."""

from __future__ import annotations

import imaplib
from typing import Any

MOST_LINE = 256 * 1024  # bytes of a line; what is longer counts up to its last blank
MOST_LITERAL = 2 * 1024 * 1024  # of what is announced by its length
MOST_ANSWER = 32 * 1024 * 1024  # of all that comes until a command is answered
_ANY = 256  # what keeping anything costs, however short it is
_PIECE = 64 * 1024


class _Bounded(imaplib.IMAP4):
    """What both kinds of connection have alike."""

    _left = MOST_ANSWER

    def _command(self, name: str, *args: Any) -> Any:
        self._left = MOST_ANSWER
        return super()._command(name, *args)  # type: ignore[misc]  # not in the stubs

    def read(self, size: int) -> bytes:
        """As the library has it; ends where the server announces too much."""
        if size > MOST_LITERAL:
            raise self.abort("more than is taken at once")
        self._spend(size)
        return super().read(size)

    def readline(self) -> bytes:
        """As the library has it, without what is too long: of a list of numbers the first ones are enough."""
        line = self._up_to(MOST_LINE)
        if len(line) < MOST_LINE or line.endswith(b"\n"):
            return line
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = self._up_to(_PIECE)
        return line[: max(line.rfind(b" "), 0)] + b"\r\n"

    def _up_to(self, size: int) -> bytes:
        """A line, or as much of it."""
        file: Any = self.file
        piece: bytes = file.readline(size)
        self._spend(len(piece))
        return piece

    def _spend(self, size: int) -> None:
        self._left -= size + _ANY
        if self._left < 0:
            raise self.abort("more than is taken for one command")


class Imap(_Bounded):
    """In clear."""


class ImapTls(_Bounded, imaplib.IMAP4_SSL):
    """Within TLS."""
