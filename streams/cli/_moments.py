"""Times for people: those of their own place, with its zone; of UTC where they ask for it. And times that they give."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from streams.cli._options import Decorator, together
from streams.ground.errors import UsageError
from streams.ground.spans import span

_DURATION = re.compile(r"(\d{1,6})(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_UTC = "exlify.utc"  # in what the command and those around it share


def _note(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        context.meta[_UTC] = True


utc_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--utc", is_flag=True, expose_value=False, callback=_note, help="Show times in UTC, not in your zone (TZ)."
)


def moment(rfc3339: str | None) -> str:
    """A time for people: `2026-01-31 09:30:00 CET`."""
    if not rfc3339:
        return "-"
    try:
        at = datetime.fromisoformat(rfc3339)
    except ValueError:  # where no calendar reaches, a moment is told as a number
        return rfc3339
    context = click.get_current_context(silent=True)
    local = at.astimezone(UTC if context is not None and context.meta.get(_UTC) else None)
    return f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()}"


class _Time(click.ParamType):
    """A time that an option is given, as RFC 3339: how long ago or from now, or a time. Raises UsageError."""

    name = "time"

    def __init__(self, sign: int) -> None:
        self._sign = sign

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """What an option was given, as a time; its name stands in what is said of what is none."""
        return self.of(param.opts[0] if param is not None else self.name, value)

    def of(self, option: str, text: str) -> str:
        """As `convert`, where it depends on other options whether a time is past or to come."""
        try:
            if found := _DURATION.fullmatch(text):
                length = timedelta(**{_UNITS[found[2]]: int(found[1])})
                return (datetime.now(UTC) + self._sign * length).isoformat()
            return datetime.fromisoformat(text).astimezone().isoformat()
        except (ValueError, OverflowError):
            raise UsageError(f"{option} {text}: no time. Write 30m, 2h, 7d, or 2026-01-31T12:00:00Z.") from None


PAST, TO_COME = _Time(-1), _Time(1)
"""What an option takes that means a time, before now or after."""


def period(happened: str) -> Decorator:
    """`--since` and `--until`, of what has happened at a time."""
    return together(
        click.option(
            "--since", type=PAST, help=f"{happened} at this time or later: 2026-01-31T12:00:00Z; or 30m, 12h, 7d ago."
        ),
        click.option("--until", type=PAST, help=f"{happened} before this time, or before so long ago."),
    )


def length(ms: int | None) -> str | None:
    """How long something took, as people read it; nothing of what has not been measured."""
    return None if ms is None else span(ms)
