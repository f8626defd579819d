"""Records that were parked and are sent once more: the same bytes and headers, and three headers behind them.

They say which letter it was, how often it has been redriven, and where it stood at first. So one that comes back is
known again, and a copy of it, or one whose id is made of its place, means what the first one meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from streams.runtime.processor import Headers, Record

LETTER = "exlify_letter"
COUNT = "exlify_replays"
PLACE = "exlify_first_offset"
_OURS = (LETTER, COUNT, PLACE)


class Replay(NamedTuple):
    """What the headers of a redriven record say."""

    letter_id: str
    times: int  # from 1
    first_offset: int


def with_replay(headers: Sequence[tuple[str, bytes]], replay: Replay) -> Headers:
    """The headers of a record that is redriven."""
    told = (replay.letter_id.encode(), b"%d" % replay.times, b"%d" % replay.first_offset)
    return [*headers, *zip(_OURS, told, strict=True)]


def split(headers: Headers) -> tuple[list[tuple[str, bytes]], Replay | None]:
    """The headers without ours, and what ours say, if they stand at the end as we write them."""
    names, texts = [name for name, _ in headers[-3:]], [text or b"" for _, text in headers[-3:]]
    if tuple(names) != _OURS or not (texts[1].isdigit() and texts[2].isdigit()):
        return list(headers), None
    replay = Replay(texts[0].decode(errors="replace"), int(texts[1][:9]), int(texts[2][:18]))
    return list(headers[:-3]), replay


def first_offset(record: Record) -> int:
    """Where the record stood before it was ever redriven."""
    replay = split(record.headers)[1] if len(record.headers) >= len(_OURS) else None
    return record.offset if replay is None else replay.first_offset
