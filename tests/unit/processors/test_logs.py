"""What processes say: enough to know what is wrong, and not the same thing again and again."""

import logging

from streams.ground.logs import Sparingly


def said(times: int) -> list[str]:
    """What is left of two lines of a library that says each so often."""
    logger, handler = logging.Logger("library"), Keeper()
    handler.addFilter(Sparingly())
    logger.addHandler(handler)
    for attempt in range(times):
        logger.error("no connection, attempt %d", attempt)
        logger.error("no metadata")
    return handler.lines


class Keeper(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def test_line_that_repeats_is_said_once() -> None:
    assert said(times=100) == ["no connection, attempt 0", "no metadata"]
