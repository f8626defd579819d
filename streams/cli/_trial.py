"""`python -m streams.cli._trial PROCESSOR`: the process in which a suspected record stands trial; for workers only."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from streams import catalogue
from streams.definitions.feed import DefinitionFeed
from streams.ground import logs
from streams.ground.codec import open_codec
from streams.ground.site import Site
from streams.runtime.trial import stand
from streams.steps.loading import load_steps


def command(processor: str, places: Sequence[Path] = ()) -> tuple[str, ...]:
    """How a worker starts it; `places` are the files of its own steps."""
    return (sys.executable, "-m", "streams.cli._trial", processor, *map(str, places))


async def main(name: str, places: Sequence[str]) -> None:
    """Handles one record; ends with 0 unless the record prevents it."""
    loaded = catalogue.load_settings()
    logs.configure(loaded)
    codec = await open_codec(loaded)
    feed = DefinitionFeed(loaded, codec, catalogue.FUNCTIONS)
    steps = load_steps(map(Path, places))
    (processor,) = catalogue.make_processors([name], loaded, codec, feed, Site(loaded.site_dir), steps)
    await stand(processor, codec)
    os._exit(0)  # threads of clients are no part of the trial


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
