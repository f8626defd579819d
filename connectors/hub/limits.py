"""What one connection may be asked: how much at once, how often, and how long a call waits for it and is answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

TRY_S = 15.0  # that a try has unless its connection says otherwise
LONGEST_TRY_S = 900.0  # that a connection may say


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """The limits of a connection, in each worker."""

    concurrency: int = 16  # calls under way at once
    per_s: float | None = None  # calls a second; None: as many as there are
    patience_s: float = 30.0  # how long a call waits for a system that is not well before it fails
    timeout_s: float | None = None  # how long one try may take, from sending to the answer; None: as any other

    @property
    def try_s(self) -> float:
        """How long one try may take, for whoever shows it."""
        return TRY_S if self.timeout_s is None else self.timeout_s


LimitsOf = Callable[[str], ConnectionLimits]
"""The limits of a connection as they are now, by the name that the site gave it (empty: an address of a definition)."""
