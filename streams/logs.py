"""Logging of every process: one line an event, for people (text) or machines (json), on stderr, without personal
data."""

from __future__ import annotations

import logging
import sys

import structlog

from streams.settings import Settings

QUIET = ("aiokafka", "faust", "mode", "asyncio", "aiohttp", "streams.runtime.membership")


def configure(settings: Settings) -> None:
    """Sets up structlog, and lets libraries speak up only when something is wrong."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    json = settings.log_format == "json"
    logging.basicConfig(level=level, stream=sys.stderr, format="%(asctime)s [%(levelname)s] %(name)s: %(message)s")
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
