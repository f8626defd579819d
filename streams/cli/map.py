"""`exlify map`: try a mapping, check mappings, draft one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from streams.cli._output import echo, json_option, print_json, print_line, print_text
from streams.ground.errors import UsageError

if TYPE_CHECKING:
    from connectors.codecs.records import Format
    from connectors.mappings import Mapping

EXIT_FAULTY = 2
EXIT_BROKEN = 1
APPLY = "apply"


class _Applying(click.Group):
    """A group whose command is `apply` where none is named: `exlify map FILE`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        named = args and (args[0] in self.commands or args[0].startswith("-"))
        return super().resolve_command(ctx, args if named else [APPLY, *args])


@click.group(
    cls=_Applying,
    epilog="""\b
Examples:
  exlify map mappings/order-to-erp.yaml --input order.json
  exlify map mappings/order-to-erp.yaml --input orders.csv --reads '{type: csv, delimiter: ";"}' --writes ndjson
  exlify map check
  exlify map suggest order.json erp-order.json > mappings/order-to-erp.yaml
""",
)
def command() -> None:
    """Make one value of another, as a mapping file says."""


@command.command(APPLY, epilog="""\b
Examples:
  exlify map FILE --input order.json
""")  # fmt: skip
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--input", "source", required=True, metavar="FILE", help="What is mapped; - is standard input.")
@click.option("--reads", metavar="FORMAT", help="The input has records: csv, or {type: csv, delimiter: ';'}.")
@click.option("--writes", metavar="FORMAT", help="How records are written. Default: ndjson.")
def apply(file: Path, source: str, reads: str | None, writes: str | None) -> None:
    """Map a JSON document with the mapping FILE, or a file of records one by one.

    A record that cannot be read or mapped is told on stderr and left out; exit code 1 then.
    """
    mapping = _mapping(file)
    with _opened(source) as stream:
        if reads is None and writes is None:
            _one(mapping, stream, source)
            return
        records = _Records(mapping, _format(reads or "ndjson", "--reads"), stream)
        from connectors.codecs.scalars import CodecError

        try:
            _format(writes or "ndjson", "--writes").write(records, sys.stdout.buffer)
        except CodecError as error:
            raise UsageError(f"{source}: {error}. Correct the mapping, or --writes.") from None
    if records.broken:
        raise SystemExit(EXIT_BROKEN)


@command.command(epilog="""\b
Examples:
  exlify map check
  exlify map check mappings/order-to-erp.yaml --json
""")  # fmt: skip
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@json_option
def check(files: tuple[Path, ...], as_json: bool) -> None:
    """Check mappings: their rules, both schemas, and the tests that stand in them.

    Without FILES those of the site folder. Prints one line for each fault: FILE:LINE:COLUMN: what is wrong. Exit code
    2 if one is faulty.
    """
    from streams.catalogue import load_settings
    from streams.processors.call.mappings import FOLDER

    found = []
    chosen = files or sorted((load_settings(warn=lambda _: None).site_dir / FOLDER).glob("*.yaml"))
    for file in chosen:
        try:
            found.append({"file": str(file), "tests": len(_mapping(file).tests), "fault": None})
        except UsageError as error:
            found.append({"file": str(file), "tests": 0, "fault": str(error)})
    faults = [each["fault"] for each in found if each["fault"]]
    if as_json:
        print_json({"mappings": found})
    else:
        for each in found:
            echo(each["fault"] or f"{each['file']}: {each['tests']} tests pass")
        if not found:
            echo("no mappings here")
    if faults:
        raise SystemExit(EXIT_FAULTY)


@command.command(epilog="""\b
Examples:
  exlify map suggest schemas/order.json schemas/erp-order.json
  exlify map suggest example.json schemas/erp-order.json --json
""")  # fmt: skip
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("target", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def suggest(source: Path, target: Path, as_json: bool) -> None:
    """Draft a mapping from SOURCE to TARGET: JSON Schemas, or examples in JSON.

    Fields that are called alike are paired. What is doubtful is marked, with the reason; look at each before using it.
    """
    from connectors.mappings.suggest import draft, pairs, schema_of

    sides = [_document(each) for each in (source, target)]
    found = pairs(*(schema_of(each) for each in sides))
    names = [
        f"schemas/{place.name}" if schema_of(side) is side else ""
        for place, side in zip((source, target), sides, strict=True)
    ]
    if as_json:
        print_json({"fields": [
            {
                "target": ".".join(each.target.path), "source": ".".join(each.source.path) if each.source else None,
                "score": each.score, "doubts": each.doubts,
            }
            for each in found
        ]})  # fmt: skip
    else:
        print_text(draft(found, *names))


class _Records(Iterator[Any]):
    """What a mapping makes of the records of a file; those that it cannot be made of are told and counted."""

    def __init__(self, mapping: Mapping, format_: Format, stream: BinaryIO) -> None:
        self._mapping = mapping
        self._read = format_.read(stream)
        self.broken = 0

    def __next__(self) -> Any:
        from connectors.mappings import MappingError

        for record in self._read:
            try:
                if not record.fault:
                    return self._mapping.apply(record.value)
                told = record.fault
            except MappingError as error:
                told = f"line {record.at.line}: {error}"
            self.broken += 1
            echo(told, err=True)
        raise StopIteration


def _one(mapping: Mapping, stream: BinaryIO, source: str) -> None:
    from connectors.mappings import MappingError
    from schemas.jsontext import NoJsonError, UnfitDataError, parse

    try:
        print_line(mapping.apply(parse(stream.read())))
    except (NoJsonError, UnfitDataError) as error:
        raise UsageError(f"{source}: {error}. Write JSON, or say how its records are read with --reads.") from None
    except MappingError as error:
        raise UsageError(f"{source}: {error}.") from None


def _mapping(file: Path) -> Mapping:
    from streams.cli._files import text_of
    from streams.ground.references import References
    from streams.ground.site_yaml import SiteFault, read
    from streams.processors.call.mappings import read_mapping

    try:
        found = read_mapping(read(text_of(file), References(file.parent, {}, {}).resolve))
    except SiteFault as fault:
        raise UsageError(f"{file}:{fault}") from None
    if found is None:
        raise UsageError(f"{file}:1:1: it is empty. Remedy: write `fields:` with a line for each field of the output.")
    return found


def _format(said: str, option: str) -> Format:
    from connectors.codecs.records import FormatError, format_of
    from streams.ground.site_yaml import SiteFault, read

    try:
        part = read(said, str)
        return format_of(None if part is None else part.plain(), option)
    except SiteFault as fault:
        raise UsageError(f"{option}: {fault.reason}. Remedy: {fault.remedy}.") from None
    except FormatError as error:
        raise UsageError(str(error)) from None


def _document(file: Path) -> Any:
    from schemas.jsontext import NoJsonError, UnfitDataError, parse
    from streams.cli._files import text_of

    try:
        return parse(text_of(file))
    except (NoJsonError, UnfitDataError) as error:
        raise UsageError(f"{file}: {error}. Name a JSON Schema, or an example in JSON.") from None


def _opened(source: str) -> BinaryIO:
    import io

    if source == "-":
        return io.BytesIO(sys.stdin.buffer.read())
    try:
        return Path(source).open("rb")
    except OSError as error:
        raise UsageError(f"{source}: {error.strerror}. Name a file that can be read.") from None
