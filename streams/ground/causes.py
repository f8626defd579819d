"""What a process tells of itself when it is asked whether it is ready; `status.py` serves it over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple


class Cause(NamedTuple):
    """Why a process is not ready: which part of it, or of what it needs, and what is the matter with that.

    A process that only does less than it should is ready, and degraded.
    """

    part: str
    reason: str
    degraded: bool = False
    mild: bool = False  # degraded, but no work waits for it


Ready = Callable[[], bool | Awaitable[Sequence[Cause]]]
"""Says what keeps a process from being ready; where there are no causes to tell, whether it is."""
