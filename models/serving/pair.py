"""Where two numbers of the training rows lie, as a card states it; `together` holds rows against it."""

from __future__ import annotations

import msgspec


class Pair(msgspec.Struct, frozen=True):
    """Where two numbers lie together, each as sign times log(1 + size)."""

    fields: tuple[str, str]
    centre: tuple[float, float]
    inverse: tuple[float, float, float]  # of the covariance: first, both, second
    limit: float  # of the squared distance
