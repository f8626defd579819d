"""A worker of calls whose connector hangs, whatever its time is: `python -m tests.hub.hanging`.

As `halted.py`, but nobody dies of it but by the watchdog.
"""

from __future__ import annotations

import asyncio
from typing import Any

import uvloop

from connectors.hub.contract import Plan
from connectors.hub.outcome import CallOutcome
from schemas.codec import Codec
from streams import catalogue
from streams.definitions.book import DefinitionBook
from streams.ground.site import Site
from streams.processors.call.processor import Call
from streams.runtime.worker import Worker
from tests.support.between import Send, stand_between


async def hang(_: Plan[Any], send: Send) -> CallOutcome:
    """What it is asked has been done; nobody hears of it."""
    await send()
    await asyncio.Event().wait()
    raise AssertionError


async def main() -> None:
    """Runs until it is ended."""
    loaded, codec = catalogue.load_settings(), Codec.offline()
    book, site = DefinitionBook(catalogue.FUNCTIONS), Site(loaded.site_dir)
    processors = catalogue.make_processors(["call"], loaded, codec, book, site)
    made: Any = next(each for each in processors if isinstance(each, Call))
    stand_between(made._hub, hang)
    await Worker("call", processors, loaded, codec).run()


if __name__ == "__main__":
    uvloop.run(main())
