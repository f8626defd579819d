"""Errors that are meant for people: one line that names the place, the reason and the remedy.

    ExlifyError            exit code 1
    ├── UsageError         2   wrong argument, definition or input
    ├── ConfigurationError 78  a setting is missing or wrong (EX_CONFIG)
    └── UnavailableError   69  a server that is needed does not answer (EX_UNAVAILABLE)

Anything else that reaches the edge is a bug and keeps its stack trace.
"""

from __future__ import annotations


class ExlifyError(Exception):
    """An expected failure; its text is the whole message for the user."""

    exit_code = 1

    @property
    def lines(self) -> tuple[str, ...]:
        """The message as it is printed, each line for itself."""
        return (str(self),)


class UsageError(ExlifyError):
    """The user gave something that cannot be used."""

    exit_code = 2


class ConfigurationError(ExlifyError):
    """Settings are missing or do not make sense: a line for each."""

    exit_code = 78

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self._lines = lines

    @property
    def lines(self) -> tuple[str, ...]:
        """A line for each setting, so that all are corrected in one go."""
        return self._lines


class UnavailableError(ExlifyError):
    """A server that is needed does not answer."""

    exit_code = 69
