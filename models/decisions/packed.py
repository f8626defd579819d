"""Reading the packed files in which public data come, in bounded memory."""

from __future__ import annotations

import gzip
import io
import zlib

MAX_BYTES = 100 * 2**20


def text_of(packed: bytes) -> str:
    """What a packed file holds. Raises OSError, and ValueError for what is damaged, too large, or no plain text."""
    try:
        with gzip.open(io.BytesIO(packed)) as file:
            text = file.read(MAX_BYTES + 1)
    except (EOFError, zlib.error):
        raise ValueError("the packed file is damaged or not whole.") from None
    if len(text) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES:,} bytes. This is other data.")
    return text.decode("ascii")
