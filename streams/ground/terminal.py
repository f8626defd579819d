"""Text on its way to a terminal: what would move the cursor, ring, colour or turn text round is shown, not done.

Titles, keys and answers come from outside. A terminal takes ESC and C1 characters for commands, and bidi characters
make text read as what it is not; so whatever is printed or logged for people passes here.
"""

from __future__ import annotations

import os
import re
from typing import TextIO

_JOINERS = "\u200c\u200d"  # parts of names in Persian and Hindi, and of many emoji
_BLANKS = "\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_ODD = re.compile("[^\x20-\x7e]")


def is_visible(character: str) -> bool:
    """Whether the character shows as itself and does nothing else."""
    return character.isprintable() or character in _JOINERS or character in _BLANKS


def visible(text: str) -> str:
    """The text on one line, with an escape such as `\\x1b` for everything that is not visible."""
    return text if text.isprintable() else _ODD.sub(_escape, text)


def visible_lines(text: str) -> str:
    """As `visible`, for text that has lines of its own, such as a stack trace."""
    return "\n".join(map(visible, text.split("\n")))


def visible_json(document: str) -> str:
    """The same JSON document, with JSON's own escapes within its texts."""
    return "\n".join(line if line.isprintable() else _ODD.sub(_json_escape, line) for line in document.split("\n"))


def has_colours(stream: TextIO) -> bool:
    """Whether whoever looks at the stream wants colours (https://no-color.org)."""
    return can_move(stream) and not os.environ.get("NO_COLOR")


def can_move(stream: TextIO) -> bool:
    """Whether a line that was written there can be written again, as progress bars do."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _escape(match: re.Match[str]) -> str:
    found = match[0]
    return found if is_visible(found) else repr(found)[1:-1]


def _json_escape(match: re.Match[str]) -> str:
    found = match[0]
    if is_visible(found):
        return found
    units = found.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
