"""The steps that are measured beside echo: they give back what they get."""

import time
from typing import Any

from streams.steps import step

SLOW_S = 20.0


@step("bench.pure", effect="pure")
def pure(body: Any) -> Any:
    """Computes nothing."""
    return body


@step("bench.intent")
def intent(body: Any) -> Any:
    """Does nothing to the world, but says that it may: each has its intent on record before it begins."""
    return body


@step("bench.waits", effect="read")
async def waits(body: Any) -> Any:
    """Waits for nobody."""
    return body


@step("bench.slow", effect="read")
def slow(body: Any) -> Any:
    """Blocks a thread for as long as the fast ones beside it are measured."""
    time.sleep(SLOW_S)
    return body
