"""Files of definitions, with the schemas of their folder and the calendars of the site written in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.payload import Json
from streams.cli._files import text_of
from streams.language.bundle import bundled
from streams.language.faults import DefinitionError
from streams.language.source import parse

if TYPE_CHECKING:
    from streams.ground.site_yaml import Part

MAX_BYTES = 256 * 1024  # of a schema


def definition_of(file: Path) -> str:
    """The definition in a file. Raises UsageError, and `DefinitionError` for a schema that can't be had."""
    return with_schemas(text_of(file), file)


def with_schemas(text: str, file: Path) -> str:
    """A definition with the schemas of its folder, and calendars of the site. Raises `DefinitionError`."""
    return bundled(text, str(file), lambda name: _schema(file.parent, name), _calendars)


def _calendars() -> Mapping[str, Json]:
    from streams.catalogue import load_settings
    from streams.ground.calendars import FILE, read_calendars
    from streams.ground.site import Site

    site = Site(load_settings(warn=lambda _: None).site_dir)
    site.file(FILE, read_calendars)  # which says what is wrong with it
    return site.file(FILE, _plain).value


def _plain(document: Part | None) -> Mapping[str, Json]:
    return {name: each.plain() for name, each in document.members().items()} if document is not None else {}


def _schema(folder: Path, name: str) -> Json:
    """The schema in a file below a folder; raises ValueError with the reason."""
    place = folder / name
    try:
        if not place.resolve().is_relative_to(folder.resolve()):
            raise ValueError("leads out of the folder of the definition")
        if place.stat().st_size > MAX_BYTES:
            raise ValueError(f"has more than {MAX_BYTES // 1024} KiB")
        source = parse(place.read_text(encoding="utf-8"), str(place))
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None
    except OSError as error:
        raise ValueError(f"can't be read: {error.strerror}") from None
    except DefinitionError as error:
        raise ValueError(f"can't be read: {error.faults[0].message}") from None
    if source.faults:
        raise ValueError(f"can't be read: {source.faults[0].message}")
    return source.value
