"""Times for people: those of their own place, with its zone; of UTC where they ask for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click

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
