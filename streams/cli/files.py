"""`exlify files`: the folders whose files become events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from streams.cli import _sources as sources
from streams.cli._bulk import EXIT_NOT_ALL
from streams.cli._output import echo, json_option, print_json, print_table
from streams.ground.errors import ExlifyError, UsageError

if TYPE_CHECKING:
    from streams.files.declared import Source
    from streams.files.places import AnyFolder
    from streams.ground.settings import Settings

MOST = 20  # files of the ledger that are shown


@click.group(
    epilog="""\b
Examples:
  exlify files list
  exlify files run
"""
)
def command() -> None:
    """See what becomes of files that come in, by files.yaml of the site folder."""


@command.command("list", epilog="""\b
Examples:
  exlify files list
  exlify files list legacy-orders --json
""")  # fmt: skip
@click.argument("name", required=False)
@json_option
def list_(name: str | None, as_json: bool) -> None:
    """List the files of all sources, or of the one called NAME, as they stand in its folder: what waits, what is under
    way, and the last that were read. Exit code 1 where a folder cannot be looked into.
    """
    from streams.catalogue import load_settings

    settings = load_settings(warn=lambda _: None)
    found: list[dict[str, Any]] = []
    faults: dict[str, str] = {}
    for source in _sources(settings, name):
        try:
            found += list(_rows(source, settings))
        except ExlifyError as error:
            if name is not None:
                raise
            faults[source.name] = str(error)
    if as_json:
        print_json({"files": found, "faults": faults})
    else:
        print_table(("SOURCE", "FILE", "STATE", "BYTES", "RECORDS", "BROKEN"), (tuple(each.values()) for each in found))
        for each, fault in faults.items():
            echo(f"! {each}: {fault}", err=True)
    if faults:
        raise SystemExit(EXIT_NOT_ALL)


@command.command(epilog="""\b
Examples:
  exlify files run                     until told to stop, beside the gateway or in its place
""")  # fmt: skip
def run() -> None:
    """Read files in this process, as the gateway does: for large ones, or where the gateway does not see the folders.

    Any number may run; each file is read by one of them.
    """
    from streams.cli._client import with_kafka
    from streams.files.watching import Watching

    settings = with_kafka()
    _sources(settings, None)
    sources.watch(settings, Watching)


def _sources(settings: Settings, name: str | None) -> list[Source]:
    from streams.files.declared import FILE, read_files

    declared = sources.declared(settings, FILE, read_files)
    if name is not None and name not in declared:
        raise UsageError(f"files: there is no source {name}. There are: {', '.join(declared)}.")
    return [declared[name]] if name is not None else list(declared.values())


def _rows(source: Source, settings: Settings) -> Iterator[dict[str, Any]]:
    from streams.files.places import folder_of
    from streams.ground.site import Site
    from streams.processors.call.connections import Addresses

    folder = folder_of(source, Addresses(settings, Site(settings.site_dir)))
    try:
        yield from _rows_in(source, folder)
    except OSError as error:
        raise UsageError(f"files: {source.folder}: {error.strerror}. Make the folder, or correct files.yaml.") from None
    finally:
        folder.close()


def _rows_in(source: Source, folder: AnyFolder) -> Iterator[dict[str, Any]]:
    for name, seen in folder.waiting():
        progress = folder.progress(name)
        state = "waits" if progress is None else "under way"
        numbers = (0, 0) if progress is None else (progress.published, progress.broken)
        yield _row(source, name, state, seen.size, *numbers)
    for each in folder.ledger()[:MOST]:
        yield _row(source, each.name, "read" if each.whole else "broken off", each.size, each.published, each.broken)


def _row(source: Source, file: str, state: str, size: int, records: int, broken: int) -> dict[str, Any]:
    return {
        "source": source.name, "file": file, "state": state, "bytes": size, "records": records, "broken": broken,
    }  # fmt: skip
