"""`exlify events`: types of events with an Avro schema, the business's own among them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import click

from streams.cli._actor import acting, as_option
from streams.cli._client import Client, Refused, connect
from streams.cli._files import text_of
from streams.cli._output import echo, json_option, print_json, print_table
from streams.ground.errors import UsageError

REFUSED = (409, 422)


@click.group(
    epilog="""\b
Examples:
  exlify events list
  exlify events add order-placed.avsc
  exlify events add
  exlify events show com.example.order.placed.v1
"""
)
def command() -> None:
    """Declare types of events with an Avro schema, and look at them.

    Events of such a type are checked where they are published, and travel in Avro. Any other type needs no declaration.
    """


@command.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the types that have a schema."""
    found = connect().get("/v1/event-types")
    if as_json:
        print_json(found)
    else:
        rows = ((each["type"], each["record"], "own" if each["own"] else "product") for each in found["event_types"])
        print_table(("TYPE", "RECORD", "OF"), rows)


@command.command()
@click.argument("type_", metavar="TYPE")
def show(type_: str) -> None:
    """Show the type TYPE with its schema, as JSON."""
    print_json(connect().get(f"/v1/event-types/{quote(type_, safe='')}"))


@command.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@as_option("declares")
@json_option
def add(files: tuple[Path, ...], actor: str | None, as_json: bool) -> None:
    """Declare the types in Avro schemas (FILE.avsc), or new schemas of them.

    Without FILES those in schemas/ of the site folder. The attribute `ce_type` of the record names the type. A new
    schema has to read what was written with the one before: leave fields as they are, give new ones a default. The
    same again changes nothing. Exit code 2 if any was refused; those after it are still tried.
    """
    client = connect()
    results = [_add(client, file, acting(actor)) for file in files or _of_site()]
    if as_json:
        print_json(results)
    for each in results:
        if "refused" in each:
            echo(f"{each['file']}: {each['refused']}", err=True)
        elif not as_json:
            echo(f"{each['result']} {each['type']}, record {each['record']}, schema id {each['schema_id']}")
    if any("refused" in each for each in results):
        raise SystemExit(2)


def _add(client: Client, file: Path, actor: str) -> dict[str, Any]:
    text = text_of(file).encode()
    try:
        _, told = client.post(f"/v1/event-types?{urlencode({'actor': actor})}", text, "application/json")
    except Refused as refusal:
        if refusal.status not in REFUSED:
            raise
        return {"file": str(file), "refused": str(refusal)}
    return {"file": str(file), **told}


def _of_site() -> list[Path]:
    from streams.catalogue import load_settings
    from streams.definitions.event_types import FOLDER, declared_in

    site_dir = load_settings().site_dir
    found = declared_in(site_dir)
    if not found:
        raise UsageError(f"events: no FILE is named, and {site_dir / FOLDER} has no *.avsc")
    return found
