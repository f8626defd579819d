"""`exlify connections`: the outside systems that this site knows, whether they can be reached, and new ones."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.cli._output import json_option, print_fields, print_json, print_table
from streams.ground.errors import UsageError

if TYPE_CHECKING:
    from streams.ground.settings import Settings
    from streams.processors.call.checking import Checked
    from streams.processors.call.connections import Addresses
    from streams.processors.call.drafts import Draft
    from streams.processors.call.inventory import System

EXIT_NOT_REACHED = 1


@click.group(
    epilog="""\b
Examples:
  exlify connections list
  exlify connections show erp --json
  exlify connections check
  exlify connections inventory flows/*.yaml
  exlify connections add petstore petstore.yaml --operation getPetById
"""
)
def command() -> None:
    """Look at the outside systems of this site, and add some.

    Reads connections.yaml and the environment as a worker that starts here would. Paths, users and passwords are
    never shown.
    """


@command.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the connections with their limits."""
    _, addresses = _known()
    found = [_fields(each) for each in addresses.described()]
    if as_json:
        print_json({"connections": found})
    else:
        head = ("CONNECTION", "ADDRESS", "CREDENTIALS", "FROM", "AT ONCE", "A SECOND", "A TRY", "PATIENCE")
        print_table(head, map(_cells, found))


@command.command()
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show the connection NAME."""
    _, addresses = _known()
    found = next((_fields(each) for each in addresses.described() if each.name == _existing(addresses, name)), {})
    if as_json:
        print_json(found)
    else:
        names = ("connection", "address", "credentials", "from", "at once", "a second", "a try", "patience")
        print_fields((*zip(names, _cells(found), strict=True), ("tried again", _recovery(found["recovery"]))))


@command.command()
@click.argument("names", nargs=-1)
@json_option
def check(names: tuple[str, ...], as_json: bool) -> None:
    """Look whether systems can be reached from here: NAMES, or all.

    A system that speaks HTTP is connected to and sent nothing; a database is asked for the number 1. Exit code 1 if
    one cannot be reached.
    """
    settings, addresses = _known()
    wanted = [_existing(addresses, name) for name in names] or sorted(addresses.urls())
    found = asyncio.run(_checked(settings, addresses, wanted))
    if as_json:
        print_json({"connections": [{**asdict(each), "ok": each.ok} for each in found]})
    else:
        rows = ((each.name, "yes" if each.ok else "no", f"{each.ms} ms", each.reason, each.detail) for each in found)
        print_table(("CONNECTION", "REACHED", "IN", "REASON", "SAYS"), rows)
    if not all(each.ok for each in found):
        raise SystemExit(EXIT_NOT_REACHED)


@command.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def inventory(files: tuple[Path, ...], as_json: bool) -> None:
    """Tell what is needed of each system: by the definitions in FILES, and what this site knows and takes in.

    Exit code 1 if something lacks: the address of a system, an operation in its document, or a secret to sign with.
    """
    from streams.catalogue import FUNCTIONS
    from streams.cli._taken import taken
    from streams.processors.call.inventory import inventory as systems_of

    settings, addresses = _known()
    texts = [(str(file), file.read_text(encoding="utf-8", errors="replace")) for file in files]
    found = systems_of(texts, FUNCTIONS, addresses, taken(settings))
    if as_json:
        print_json({"systems": [_needed(each) for each in found]})
    else:
        rows = [row for each in found for row in _inventory_rows(each)]
        print_table(("SYSTEM", "PROTOCOL", "AS WHOM", "CALL", "EFFECT", "OF", "LACKS"), rows)
    if any(each.lacks for each in found):
        raise SystemExit(EXIT_NOT_REACHED)


def _needed(system: System) -> dict[str, Any]:
    known = {"address": None} if system.described is None else _fields(system.described)
    uses = [asdict(use) for use in sorted(system.uses)]
    return {**known, "name": system.name, "protocol": system.protocol, "uses": uses, "lacks": system.lacks or None}


def _inventory_rows(system: System) -> list[tuple[str, ...]]:
    """A row for each thing that is asked of it, or one that says that nothing is."""
    ways = ", ".join(system.described.ways) if system.described else ""
    head = (system.name, system.protocol, ways or "nobody")
    calls = dict.fromkeys((use.function, use.operation, use.effect) for use in sorted(system.uses))
    rows = [
        (*head, f"{function} {operation}".strip(), effect, ", ".join(sorted(_users(system, function, operation))), "")
        for function, operation, effect in calls
    ] or [(*head, "nothing", "", "", "")]
    return [(*row[:-1], system.lacks or "nothing") for row in rows]


def _users(system: System, function: str, operation: str) -> set[str]:
    return {use.workflow for use in system.uses if (use.function, use.operation) == (function, operation)}


@command.command()
@click.argument("name")
@click.argument("document", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--url", help="Address of the system; that of the document's first server unless given.")
@click.option("--operation", "operations", multiple=True, help="An operationId; may be given again. All unless given.")
@json_option
def add(name: str, document: Path, url: str | None, operations: tuple[str, ...], as_json: bool) -> None:
    """Add the connection NAME from an OpenAPI DOCUMENT, in JSON or YAML.

    Writes what calls need of the document into the site folder, and an entry into connections.yaml. Ways of
    authentication stand there as comments: nothing is sent before you have set their secrets.
    """
    drafted = _drafted(name, document, url, operations)
    if as_json:
        called = [{"operationId": each.id, "method": each.method, "path": each.path} for each in drafted.operations]
        print_json({"connection": name, "file": drafted.file, "operations": called})
    else:
        print_table(("OPERATION", "METHOD", "PATH"), ((each.id, each.method, each.path) for each in drafted.operations))


def _drafted(name: str, document: Path, url: str | None, operations: tuple[str, ...]) -> Draft:
    from connectors.hub.documents import DocumentError
    from streams.processors.call.connections import FILE, NAME
    from streams.processors.call.documents import parsed
    from streams.processors.call.drafts import draft

    settings, addresses = _known()
    if not NAME.fullmatch(name):
        raise UsageError(f"connections: {name[:70]!r} is no name. Write small letters, digits and hyphens.")
    if name in addresses.urls():
        raise UsageError(f"connections: there is a connection {name} already. Give another name.")
    try:
        drafted = draft(name, parsed(document.read_text(encoding="utf-8")), url, operations)
    except UnicodeDecodeError:
        raise UsageError(f"{document}: not UTF-8. Save it as UTF-8 text.") from None
    except DocumentError as error:
        raise UsageError(f"{document}: {error}.") from None
    file, site = settings.site_dir / drafted.file, settings.site_dir / FILE
    if file.exists():
        raise UsageError(f"connections: {file} is there already. Move it, or give another name.")
    file.write_text(drafted.document, encoding="utf-8")
    before = site.read_text(encoding="utf-8") if site.exists() else ""
    site.write_text(before + ("\n" if before and not before.endswith("\n") else "") + drafted.entry, encoding="utf-8")
    return drafted


def _known() -> tuple[Settings, Addresses]:
    from streams.catalogue import load_settings
    from streams.ground.site import Site
    from streams.processors.call.connections import Addresses

    settings = load_settings()
    return settings, Addresses(settings, Site(settings.site_dir))


def _existing(addresses: Addresses, name: str) -> str:
    from connectors.hub.connections import folded

    if folded(name) not in addresses.urls():
        known = ", ".join(sorted(addresses.urls())) or "none"
        raise UsageError(f"connections: there is no {name}. There are: {known}. Add it to connections.yaml.")
    return folded(name)


async def _checked(settings: Settings, addresses: Addresses, names: list[str]) -> list[Checked]:
    from connectors.assembly import standard_hub
    from streams.processors.call.checking import check

    async with standard_hub(addresses.urls) as hub:
        urls = addresses.urls()
        looks = (check(name, urls[name], hub, addresses.identity(name).tls) for name in names)
        return list(await asyncio.gather(*looks))


def _fields(described: Any) -> dict[str, Any]:
    from schemas import recovery

    limits = described.limits
    return {
        "name": described.name,
        "address": described.address,
        "credentials": described.credentials,
        "authentication": list(described.ways),
        "from": described.origin,
        "concurrency": limits.concurrency,
        "per_s": limits.per_s,
        "timeout_s": limits.try_s,
        "patience_s": limits.patience_s,
        "recovery": described.recovery and recovery.described(described.recovery),
    }


def _recovery(told: dict[str, Any] | None) -> str:
    """How calls are tried again whose definition does not say it."""
    from schemas.recovery import Policy, words

    return "as the function says" if told is None else words(Policy(**told))


def _cells(fields: dict[str, Any]) -> tuple[Any, ...]:
    rate = "any" if fields["per_s"] is None else f"{fields['per_s']:g}"
    credentials = ", ".join(fields["authentication"]) or "no"
    longest, patience = (f"{fields[name]:g} s" for name in ("timeout_s", "patience_s"))
    return (
        fields["name"],
        fields["address"],
        credentials,
        fields["from"],
        fields["concurrency"],
        rate,
        longest,
        patience,
    )
