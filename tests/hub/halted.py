"""A worker of calls that dies with -9 once all of its calls have come to a moment: `python -m tests.hub.halted COUNT`.

The key of a call says which moment: its intent is durable and nothing is sent yet, or the system has done it and nobody
here has written that down. Calls wait there for each other.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
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

BEFORE, AFTER = "before", "after"
UNDONE = 3  # the exit code where a call did not succeed that had to


class Moment:
    """Where calls stop for ever."""

    def __init__(self, count: int) -> None:
        self._left = count

    async def around(self, plan: Plan[Any], send: Send) -> CallOutcome:
        """The moment of the call."""
        if f"/{BEFORE}/" in plan.call.key:
            await self._come(plan)
        outcome = await send()
        if not outcome.ok:
            print(plan.call.function, plan.effect, outcome, file=sys.stderr, flush=True)
            os._exit(UNDONE)
        await self._come(plan)
        return outcome

    async def _come(self, plan: Plan[Any]) -> None:
        self._left -= 1
        print(plan.call.key, plan.call.function, self._left, "are not here yet", file=sys.stderr, flush=True)
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.Event().wait()


async def main(count: int) -> None:
    """Runs until all have come."""
    loaded, codec = catalogue.load_settings(), Codec.offline()
    book, site = DefinitionBook(catalogue.FUNCTIONS), Site(loaded.site_dir)
    processors = catalogue.make_processors(["call"], loaded, codec, book, site)
    made: Any = next(each for each in processors if isinstance(each, Call))
    stand_between(made._hub, Moment(count).around)
    await Worker("call", processors, loaded, codec).run()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
