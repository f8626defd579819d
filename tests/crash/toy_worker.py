"""A worker that hosts toy processors on the real runtime: `python -m tests.crash.toy_worker WORKER KIND=PROCESSOR ...`.

Settings come from the environment, as in production. EXLIFY_TOY_VARIANT=stock puts the stock acknowledgement in place
of ours.
"""

from __future__ import annotations

import os
import sys

import uvloop

from schemas.codec import Codec
from streams.catalogue import load_settings
from streams.ground import logs
from streams.runtime.worker import Worker
from tests.crash import stock
from tests.crash.toys import KINDS


async def main(worker: str, processors: list[str]) -> None:
    """Runs until told to stop."""
    if os.environ.get("EXLIFY_TOY_VARIANT") == "stock":
        stock.install()
    hosted = [KINDS[kind].make(name) for kind, name in (each.split("=") for each in processors)]
    loaded = load_settings()
    logs.configure(loaded)
    await Worker(worker, hosted, loaded, Codec.offline()).run()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2:]))
