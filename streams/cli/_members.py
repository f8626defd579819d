"""Who hosts the processors: the members of their consumer groups, wherever they run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.ground.settings import Settings


def members(settings: Settings) -> Mapping[str, int]:
    """How many workers host each processor of the catalogue; raises UnavailableError."""
    from streams import catalogue
    from streams.runtime import groups

    return asyncio.run(groups.members(settings, catalogue.PROCESSORS))
