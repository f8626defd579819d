"""Files of one folder in the site folder, by their names: mappings, decision tables.

A file is read when it is first asked for and followed from then on. One that is faulty leaves the one before it in
force.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from schemas.names import FILE_NAME
from streams.ground.errors import ConfigurationError
from streams.ground.site import Site
from streams.ground.site_yaml import Part

T = TypeVar("T")


class Kind(NamedTuple, Generic[T]):
    """What such files are."""

    folder: str
    called: str  # for people
    begins: str  # what one that is empty lacks
    read: Callable[[Part | None], T | None]  # None for one that is empty


class NamedFiles(Generic[T]):
    """Those of a kind, as they are now."""

    def __init__(self, site_dir: Path, site: Site, kind: Kind[T]) -> None:
        self._folder = site_dir
        self._site = site
        self._kind = kind

    def get(self, name: str) -> T:
        """What a file says. Raises ConfigurationError that says where it should be, or what is wrong with it."""
        kind = self._kind
        if not FILE_NAME.fullmatch(name):  # it may be data, so it is not quoted
            raise ConfigurationError(f"the name is not one of a {kind.called}; write small letters, digits and hyphens")
        file = f"{kind.folder}/{name}.yaml"
        if not (self._folder / file).is_file():
            raise ConfigurationError(f"there is no {kind.called} {name}; write {file} in the site folder")
        found = self._site.file(file, kind.read).value
        if found is None:
            raise ConfigurationError(f"the {kind.called} {name} is empty; write `{kind.begins}` into {file}")
        return found

    @property
    def names(self) -> list[str]:
        """Those that are there."""
        return sorted(
            each.stem for each in (self._folder / self._kind.folder).glob("*.yaml") if FILE_NAME.fullmatch(each.stem)
        )
