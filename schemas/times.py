"""Moments as text: on the wire a moment is a number, Unix time in milliseconds; people and JSON read RFC 3339."""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(at_ms: int) -> str:
    """A Unix time in milliseconds as text, in UTC, to the millisecond; the number itself where no calendar reaches."""
    try:
        moment = datetime.fromtimestamp(at_ms // 1000, UTC).replace(microsecond=at_ms % 1000 * 1000)
    except (ValueError, OverflowError, OSError):
        return str(at_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
