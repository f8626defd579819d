"""Who does it: the option of every command by which somebody decides something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


def as_option(does: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--as`; `does` is what that person does, as in "decides"."""
    return click.option("--as", "actor", help=f"Who {does}. Default: the user of this system.")


def acting(actor: str | None) -> str:
    """The person named, or the user of this system."""
    import getpass

    return actor or getpass.getuser()
