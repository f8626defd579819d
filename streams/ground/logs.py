"""Logging of every process: one line an event, for people (text) or machines (json), on stderr, without personal
data."""

from __future__ import annotations

import logging
import sys
import time

import structlog

from streams.ground.settings import Settings

QUIET = ("aiokafka", "faust", "mode", "asyncio", "aiohttp", "streams.runtime.membership")
SILENCE_S = 30.0


class Sparingly(logging.Filter):
    """Lets one line of each kind through in `SILENCE_S`: clients say at every attempt that a broker is away."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, int], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to say it: not what the same line of code has said just now."""
        kind, now = (record.pathname, record.lineno), time.monotonic()
        if now - self._said.get(kind, -SILENCE_S) < SILENCE_S:
            return False
        self._said[kind] = now
        return True


def configure(settings: Settings) -> None:
    """Sets up structlog, and lets libraries speak up only when something is wrong."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    json = settings.log_format == "json"
    logging.basicConfig(level=level, stream=sys.stderr, format="%(asctime)s [%(levelname)s] %(name)s: %(message)s")
    for handler in logging.getLogger().handlers:
        handler.addFilter(Sparingly())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
