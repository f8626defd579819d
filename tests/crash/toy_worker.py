"""A worker that hosts toy processors on the real runtime: `python -m tests.crash.toy_worker WORKER KIND=PROCESSOR ...`.

Settings come from the environment, as in production. EXLIFY_TOY_VARIANT=stock puts the stock acknowledgement in place
of ours.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys

import uvloop

from schemas.codec import Codec
from streams.catalogue import load_settings
from streams.ground import logs
from streams.runtime.trial import stand
from streams.runtime.worker import Worker
from tests.crash import stock
from tests.crash.toys import KINDS

TRIAL = "--trial"


async def main(worker: str, processors: list[str]) -> None:
    """Runs until told to stop."""
    if os.environ.get("EXLIFY_TOY_VARIANT") == "stock":
        stock.install()
    hosted = [KINDS[kind].make(name) for kind, name in (each.split("=") for each in processors)]
    loaded = load_settings()
    logs.configure(loaded)
    _bound_memory()
    kinds = {name: kind for kind, name in (each.split("=") for each in processors)}

    def trial(name: str) -> tuple[str, ...]:
        return (sys.executable, "-m", "tests.crash.toy_worker", TRIAL, f"{kinds[name]}={name}")

    await Worker(worker, hosted, loaded, Codec.offline(), trial).run()


async def try_record(processor: str) -> None:
    """The process in which a suspected record is tried."""
    kind, name = processor.split("=")
    await stand(KINDS[kind].make(name), Codec.offline())


def _bound_memory() -> None:
    """Running out of it must cost the worker its life, and not the machine."""
    if limit := int(os.environ.get("EXLIFY_TOY_MEMORY", "0")):
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    if sys.argv[1] == TRIAL:
        asyncio.run(try_record(sys.argv[2]))
    else:
        uvloop.run(main(sys.argv[1], sys.argv[2:]))
