"""Text that does things to a terminal, and how to see that none of it got through."""

from __future__ import annotations

import re

HOSTILE = "\x1b]0;TITLE\x07\x1b[31mRED\x9b2J\rOVER\u202eWRITE\x00\x7f\u2028\ud800\ufeff\nROW"
"""Sets the title, colours, clears (C1), goes back to the start of the line, turns text round, and ends the line."""

OURS = re.compile(r"\x1b\[(?:\d+;?)*m")
"""The styles that commands write themselves, on a terminal."""


def gets_through(printed: str) -> list[str]:
    """What a terminal would obey; line ends are for the caller to count."""
    if "\x1b[31mRED" in printed:
        return ["a style of its own"]
    return [each for each in OURS.sub("", printed) if each != "\n" and not each.isprintable()]
