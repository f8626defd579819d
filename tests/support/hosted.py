"""Processors in a process of their own, on a real broker, to be killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streams.ground.settings import Settings

PARTITIONS = Settings().partitions
WORKER = """
import sys
from pathlib import Path

import uvloop
from schemas.codec import Codec
from streams import catalogue
from streams.definitions.book import DefinitionBook
from streams.definitions.deploy import described
from streams.ground.site import Site
from streams.language import load
from streams.runtime.worker import Worker

async def main():
    loaded, codec = catalogue.load_settings(), Codec.offline()
    book, site = DefinitionBook(catalogue.FUNCTIONS), Site(loaded.site_dir)
    for file in sys.argv[2:]:
        text = Path(file).read_text()
        book.learn(described(load(text, file, catalogue.FUNCTIONS), text, "test", 0))
    names = sys.argv[1].split(",")
    await Worker("call", catalogue.make_processors(names, loaded, codec, book, site), loaded, codec).run()

uvloop.run(main())
"""


@contextmanager
def worker(
    kafka: str, folder: Path, processors: str = "call,recover", *definitions: Path, **environ: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that hosts these processors and knows these definitions; killed with -9 at the end."""
    with begun(kafka, folder, "-c", WORKER, processors, *map(str, definitions), **environ) as process:
        yield process


@contextmanager
def begun(kafka: str, folder: Path, *python: str, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker by what Python is told to run; killed with -9 at the end."""
    settings = {
        "EXLIFY_BOOTSTRAP": kafka,
        "EXLIFY_DATA_DIR": str(folder),
        "EXLIFY_SESSION_TIMEOUT_MS": "6000",
        "EXLIFY_PARTITIONS": str(PARTITIONS),
    }
    process = subprocess.Popen([sys.executable, *python], env={**os.environ, **settings, **environ})
    try:
        yield process
    finally:
        process.kill()
        process.wait()
