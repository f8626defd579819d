"""`exlify lint`: every fault of definitions, with the place and what to write instead."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from schemas.functions import Function
from streams.catalogue import functions, load_settings
from streams.cli._definition_files import with_schemas
from streams.cli._output import echo, json_option, print_json
from streams.cli._steps import own_steps, steps_option, undeclared_effects
from streams.language import DefinitionError, Fault, check
from streams.language.faults import errors_of
from streams.processors.decide import DECLARATION

EXIT_FAULTY = 2


@click.command(
    "lint",
    epilog="""\b
Examples:
  exlify lint streams/workflows/customer-onboarding.yaml
  exlify lint flows/*.yaml --json
  exlify lint parcel.yaml --steps my_steps.py
""",
)
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@steps_option
@json_option
def command(files: tuple[Path, ...], places: tuple[Path, ...], as_json: bool) -> None:
    """Check workflow definitions.

    Prints one line for each fault: FILE:LINE:COLUMN: error[code]: what is wrong. Remedy: what to write instead.
    Warnings do not count as failure. Exit code 0 if all definitions can be deployed, 2 if not.
    """
    steps = own_steps(places, load_settings(warn=lambda _: None), files)
    known = functions(steps)
    faults = [fault for file in files for fault in _check(file, known)] + undeclared_effects(steps)
    if as_json:
        print_json([asdict(fault) for fault in faults])
    else:
        _print(faults, len(files))
    if errors_of(faults):
        raise SystemExit(EXIT_FAULTY)


def _check(file: Path, known: Mapping[str, Function]) -> list[Fault]:
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        remedy = "save the file as UTF-8 text"
        return [Fault(file=str(file), line=1, column=1, code="yaml", message="not UTF-8", remedy=remedy)]
    try:
        text = with_schemas(text, file)
    except DefinitionError as error:
        return list(error.faults)
    ours = (*_of_models(text, str(file)), *_of_documents(text, str(file)), *_of_calendars(text, str(file), known))
    return [*check(text, str(file), known), *ours]


def _of_models(text: str, file: str) -> list[Fault]:
    """What a definition asks of models and tables; they are looked at only where one is asked."""
    if not any(each.name in text for each in DECLARATION.functions):
        return []
    from models.serving.shelf import Shelf
    from streams.ground.site import Site
    from streams.processors.decide.lint import model_faults
    from streams.processors.decide.places import folders
    from streams.processors.decide.tables import Tables

    settings = load_settings(warn=lambda _: None)
    return model_faults(text, file, Shelf(folders(settings)), Tables(settings.site_dir, Site(settings.site_dir)))


def _of_documents(text: str, file: str) -> list[Fault]:
    """What a definition calls by documents of connections; they are looked at only where it does."""
    if not any(name in text for name in ("openapi", "asyncapi")):
        return []
    from streams.ground.site import Site
    from streams.processors.call.connections import Addresses
    from streams.processors.call.lint import api_faults

    settings = load_settings(warn=lambda _: None)
    return api_faults(text, file, Addresses(settings, Site(settings.site_dir)))


def _of_calendars(text: str, file: str, known: Mapping[str, Function]) -> list[Fault]:
    """What a schedule asks of calendars; they are looked at only where one is named."""
    if "calendar" not in text:
        return []
    from streams.ground.calendars import FILE, read_calendars
    from streams.ground.site import Site
    from streams.processors.schedule.lint import calendar_faults

    calendars = Site(load_settings(warn=lambda _: None).site_dir).file(FILE, read_calendars).value
    return calendar_faults(text, file, known, calendars, time.time_ns() // 1_000_000)


def _print(faults: Sequence[Fault], files: int) -> None:
    for fault in faults:
        echo(str(fault))
    if not faults:
        echo(f"{files} definition{'s' if files > 1 else ''}, no faults.")
