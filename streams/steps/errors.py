"""What a step raises to say how it ended; anything else that it raises is a failure whose effect nobody knows."""

from __future__ import annotations


class Refused(Exception):  # what the world said, not a fault of the program
    """The step will not do it, now or later, and has changed nothing. The text is told to people: no personal data."""


class Retryable(Exception):
    """The step could not do it now and has changed nothing. `after` are seconds to wait first, where they are known."""

    def __init__(self, message: str = "", *, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class NotDone(Exception):
    """Of a probe: the step was not done."""


class InDoubt(Exception):
    """Something was sent, and nobody can tell what came of it. People will look."""


class Overdue(BaseException):
    """Raised inside a step that took too long; no `except Exception` of its own holds it up."""
