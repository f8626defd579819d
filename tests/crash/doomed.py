"""A worker of a real processor that dies over one key, as over a fault of a library: `python -m tests.crash.doomed`.

With `--trial` it is the process in which a suspected record is tried; that one dies, too.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from hashlib import sha256
from typing import Any

from streams import catalogue
from streams.definitions.feed import DefinitionFeed
from streams.ground import logs
from streams.ground.codec import open_codec
from streams.ground.site import Site
from streams.runtime.parking import PARKING
from streams.runtime.processor import FastProcessor, Processor, SlowProcessor
from streams.runtime.trial import stand
from streams.runtime.worker import Worker

TRIAL = "--trial"


def deadly(name: str) -> bytes:
    """The key that this processor dies over, and no other that reads the same topic.

    As long as the id of an instance, so that its answers find their way.
    """
    return sha256(name.encode()).hexdigest()[:32].encode()


async def main(name: str, *, trial: bool) -> None:
    """Runs until told to stop, or until it dies."""
    loaded = catalogue.load_settings()
    logs.configure(loaded)
    codec = await open_codec(loaded)
    feed = DefinitionFeed(loaded, codec, catalogue.FUNCTIONS)
    (processor,) = catalogue.make_processors([name], loaded, codec, feed, Site(loaded.site_dir), ())
    doom(processor, deadly(name))
    if trial:
        await stand(processor, codec)
        os._exit(0)
    await Worker(name, [processor], loaded, codec, lambda each: (*COMMAND, each, TRIAL)).run()


COMMAND = (sys.executable, "-m", "tests.crash.doomed")


def doom(processor: Processor, key: bytes) -> None:
    """Has the handler die over the key; all the rest of the processor is as it is."""
    made: Any = processor
    if isinstance(processor, FastProcessor):
        handle = made.handle

        def handle_or_die(batch: Any, state: Any) -> Any:
            _die_over(key, batch)
            return handle(batch, state)

        made.handle = handle_or_die
    elif isinstance(processor, SlowProcessor):
        handle_one = made.handle_one

        async def handle_one_or_die(message: Any, state: Any) -> Any:
            _die_over(key, [message])
            return await handle_one(message, state)

        made.handle_one = handle_one_or_die


def _die_over(key: bytes, batch: Any) -> None:
    """What was parked has kept its key, and kills nobody any more."""
    if any(message.record.key == key and message.record.topic != PARKING.name for message in batch):
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], trial=TRIAL in sys.argv))
