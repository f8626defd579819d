"""Faults of the sample systems in the middle third of a load: ordered before it, and taken back whatever happens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from streams.ground.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from streams.cli._load import Load
    from streams.ground.settings import Settings

ASK_S = 10.0
STATUS = 503


def orders(given: Sequence[str]) -> dict[str, float]:
    """The share of its requests that each system refuses, of `--fault SYSTEM=SHARE`. Raises UsageError."""
    found: dict[str, float] = {}
    for each in given:
        system, _, text = each.partition("=")
        try:
            share = float(text)
        except ValueError:
            share = 0.0
        if not system or not 0 < share <= 1:
            raise UsageError(
                f"--fault {each}: write SYSTEM=SHARE, such as erp=0.5; the share is more than 0, at most 1"
            )
        found[system] = share
    return found


def control_of(settings: Settings, given: str | None) -> str:
    """Where faults are ordered. Raises UsageError."""
    found = given or settings.endpoints.get("sandbox", {}).get("control")
    if not found:
        raise UsageError(
            "--fault: only the sample systems fail to order; start them with `exlify up`, or give --control"
        )
    return str(found).rstrip("/")


async def faulty(control: str, shares: Mapping[str, float], seconds: float, load: Load) -> None:
    """Lets systems fail in the second of three thirds of so many seconds, and notes when. Raises UnavailableError."""
    from aiohttp import ClientError, ClientSession, ClientTimeout

    async with ClientSession(timeout=ClientTimeout(total=ASK_S)) as http:
        await asyncio.sleep(seconds / 3)
        try:
            for system, share in shares.items():
                order: dict[str, Any] = {"system": system, "error_rate": share, "status": STATUS}
                async with http.post(f"{control}/faults", json=order) as reply:
                    if reply.status != 200:
                        raise UsageError(f"--fault {system}: {(await reply.text())[:200]}")
            load.faulty_from_ms = time.time_ns() // 1_000_000
            await asyncio.sleep(seconds / 3)
        except (ClientError, TimeoutError) as error:
            raise UnavailableError(f"the sample systems at {control} do not answer: {error}") from None
        finally:
            with suppress(ClientError, TimeoutError):
                await http.delete(f"{control}/faults")
            load.faulty_until_ms = time.time_ns() // 1_000_000
