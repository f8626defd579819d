"""What `restate_peer.py` measures: one handler with three recorded steps that do nothing.

Runs in the peer's environment.
"""

from __future__ import annotations

from typing import Any

import restate

bench = restate.Service("Bench")


def _step(number: int, given: dict[str, Any]) -> dict[str, Any]:
    return {"step": number, "amount": given["amount"]}


@bench.handler()  # type: ignore[untyped-decorator]
async def three(context: restate.Context, given: dict[str, Any]) -> dict[str, Any]:
    """Three steps, one after the other."""
    told = given
    for number in (1, 2, 3):
        told = await context.run_typed(f"step{number}", _step, number=number, given=told)
    return told


app = restate.app([bench])
