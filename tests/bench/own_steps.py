"""The steps that are measured beside echo: they give back what they get."""

from typing import Any

from streams.steps import step


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
