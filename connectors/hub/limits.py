"""What one connection may be asked: how much at once, how often, and how long a call waits for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """The limits of a connection, in each worker."""

    concurrency: int = 16  # calls under way at once
    per_s: float | None = None  # calls a second; None: as many as there are
    patience_s: float = 30.0  # how long a call waits for a system that is not well before it fails


LimitsOf = Callable[[str], ConnectionLimits]
"""The limits of a connection as they are now, by the name that the site gave it (empty: an address of a definition)."""
