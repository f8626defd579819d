"""A worker of the benchmark: `python -m tests.bench.worker NAME PROCESSOR...`, with `echo` beside the real
processors."""

from __future__ import annotations

import asyncio
import os
import sys
import time

import uvloop

from streams import catalogue
from streams.definitions.feed import DefinitionFeed
from streams.ground import arenas, logs
from streams.ground.codec import open_codec
from streams.ground.site import Site
from streams.runtime.worker import Worker
from tests.bench.echo import Echo


async def main(name: str, names: list[str]) -> None:
    """Runs until it is terminated; says `ready` on standard output once it is."""
    loaded = catalogue.load_settings()
    logs.configure(loaded)
    codec = await open_codec(loaded)
    feed = DefinitionFeed(loaded, codec, catalogue.FUNCTIONS)
    ours = [each for each in names if each != "echo"]
    hosted = catalogue.make_processors(ours, loaded, codec, feed, Site(loaded.site_dir))
    if "echo" in names:
        hosted.append(Echo(codec))
    worker = Worker(name, hosted, loaded, codec)
    announce = asyncio.create_task(_announce(worker))
    await worker.run()
    announce.cancel()


async def _announce(worker: Worker) -> None:
    while not worker.ready:  # asked once, at the start
        await asyncio.sleep(0.02)
    print("ready", flush=True)


if __name__ == "__main__":
    arenas.share()
    if os.environ.get("EXLIFY_PROFILE") == sys.argv[1]:
        import cProfile
        import pstats

        profile = cProfile.Profile(time.thread_time)  # not what others take of the machine
        try:
            profile.enable()
            uvloop.run(main(sys.argv[1], sys.argv[2:]))
        finally:
            profile.disable()
            pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(90)
    else:
        uvloop.run(main(sys.argv[1], sys.argv[2:]))
