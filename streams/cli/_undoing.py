"""The option of whoever gives instances up: whether what they have done is undone."""

from __future__ import annotations

from typing import Any

import click

undo_option = click.option(
    "--undo/--no-undo", default=True, help="Undo what their steps have done, where definitions say how. Default: undo."
)


def undone(undo: bool) -> dict[str, Any]:
    """What a wish says of it: nothing where it is as usual."""
    return {} if undo else {"undo": False}
