"""Logging of every process: one line an event, for people (text) or machines (json), on stderr, without personal
data."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import MutableMapping
from typing import Any

import structlog

from streams.ground.settings import Settings
from streams.ground.terminal import has_colours, visible, visible_lines

QUIET = ("aiokafka", "faust", "mode", "asyncio", "asyncssh", "aiohttp", "aiormq", "streams.runtime.membership")
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
    shared: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
    ]
    shown: list[structlog.typing.Processor] = (
        [structlog.processors.JSONRenderer()] if json else [_visible, _for_people()]
    )
    logging.basicConfig(level=level, stream=sys.stderr)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(_of_libraries(shared, shown))
        handler.addFilter(Sparingly())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)
    structlog.configure(
        processors=[*shared, *shown],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _of_libraries(
    shared: list[structlog.typing.Processor], shown: list[structlog.typing.Processor]
) -> structlog.stdlib.ProcessorFormatter:
    """Lines of libraries look as ours do, in both forms, and say whose they are."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[_whose, *shared],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *shown],
    )


def _whose(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event["library"] = event["_record"].name.partition(".")[0]
    return event


def _for_people() -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(colors=has_colours(sys.stderr))


def _visible(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """What stands in the texts of an event came from outside, as like as not."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = visible_lines(value) if name == "exception" else visible(value)
    return event
