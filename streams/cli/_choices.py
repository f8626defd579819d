"""Choices of options whose home is a package that takes long to load: asked for when somebody chooses or wants help."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click


class LateChoice(click.Choice[str]):
    """One of the texts that `load` gives."""

    def __init__(self, load: Callable[[], Iterable[str]]) -> None:
        self._load = load
        self.case_sensitive = True

    @property
    def choices(self) -> tuple[str, ...]:  # type: ignore[override]  # click keeps them in an attribute
        """All that can be chosen."""
        return tuple(self._load())


def statuses_of_instances() -> Iterable[str]:
    """Where an instance can be."""
    from streams.engine.lifecycle import OF_INSTANCES

    return [status.value for status in OF_INSTANCES]
