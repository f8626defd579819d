"""`exlify site diff`: what would change if the site folder of here were deployed somewhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.cli._client import Client
from streams.cli._output import json_option, print_json, print_table
from streams.ground.errors import UsageError

if TYPE_CHECKING:
    from streams.ground.settings import Settings

EXIT_DIFFERS = 1
FOLDER = "workflows"


@click.group(
    epilog="""\b
Examples:
  exlify site diff --against http://test.example.com:8080
"""
)
def command() -> None:
    """Look at the site folder: what this site is, beside the product."""


@command.command()
@click.option("--against", required=True, metavar="URL", help="The gateway of the other system.")
@json_option
def diff(against: str, as_json: bool) -> None:
    """Say what would change if the site folder were brought to another system: workflows, connections, other files.

    EXLIFY_API_TOKEN is the token there. Nothing is changed. Exit code 1 if something differs, 2 if a definition has
    faults.
    """
    from streams.catalogue import load_settings
    from streams.gateway.settings import GatewaySettings

    settings = load_settings()
    there = settings.with_(GatewaySettings(url=against, token=settings.of(GatewaySettings).token))
    client = Client(there)
    found = [*_workflows(settings, client), *_connections(settings, client), *_files(settings, client)]
    differs = [each for each in found if each["state"] != "same"]
    if as_json:
        print_json({"parts": found})
    else:
        rows = [(each["kind"], each["name"], each["state"], each["detail"]) for each in differs]
        print_table(("PART", "NAME", "HERE", "WHAT"), rows or [("all", f"{len(found)} parts", "same", None)])
    if any(each["state"] == "faulty" for each in found):
        raise SystemExit(2)
    if differs:
        raise SystemExit(EXIT_DIFFERS)


def _workflows(settings: Settings, client: Client) -> Iterator[dict[str, Any]]:
    folder = settings.site_dir / FOLDER
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder: `exlify site diff` compares the definitions in it")
    deployed = client.get("/v1/definitions")["definitions"]
    seen = set()
    for file in sorted(folder.glob("*.y*ml")):
        told = _of_file(settings, file, deployed)
        seen.add(told["name"])
        yield {"kind": "workflow", **told}
    for each in deployed:
        if each["latest"] and each["name"] not in seen:
            yield {
                "kind": "workflow", "name": each["name"], "state": "only there",
                "detail": f"{each['version']} stays as it is",
            }  # fmt: skip


def _of_file(settings: Settings, file: Path, deployed: list[Mapping[str, Any]]) -> dict[str, Any]:
    from streams.catalogue import functions
    from streams.cli._definition_files import with_schemas
    from streams.cli._steps import own_steps
    from streams.language import DefinitionError, load

    try:
        text = with_schemas(file.read_text(encoding="utf-8"), file)
        graph = load(text, str(file), functions(own_steps((), settings, (file,))))
    except (DefinitionError, UnicodeDecodeError) as error:
        first = str(error.faults[0]) if isinstance(error, DefinitionError) else "it is not UTF-8"
        return {"name": file.name, "state": "faulty", "detail": first}
    known = [each for each in deployed if each["name"] == graph.name]
    latest = next((each for each in known if each["latest"]), None)
    state, detail = "same", ""
    if latest is None:
        state, detail = "new", f"{graph.version}, which events start: {', '.join(graph.event_types) or 'none'}"
    elif latest["digest"] != graph.digest:
        state, detail = "changed", f"{graph.version} takes the place of {latest['version']}"
        if any(each["version"] == graph.version and each["digest"] != graph.digest for each in known):
            state, detail = "taken", f"{graph.version} is there with other content: it needs another version"
        elif any(each["digest"] == graph.digest for each in known):
            state = "back"
    return {"name": graph.name, "state": state, "detail": detail}


def _connections(settings: Settings, client: Client) -> Iterator[dict[str, Any]]:
    from streams.ground.site import Site
    from streams.processors.call.connections import Addresses

    here = {each.name: each.address for each in Addresses(settings, Site(settings.site_dir)).described()}
    there = {each["name"]: each["address"] for each in client.get("/v1/systems")["systems"] if each["address"]}
    for name in sorted({*here, *there}):
        if name not in there:
            state, detail = "new", f"{here[name]}"
        elif name not in here:
            state, detail = "only there", f"{there[name]}"
        else:
            differs = here[name] != there[name]
            state, detail = ("changed", f"{here[name]}, there {there[name]}") if differs else ("same", "")
        yield {"kind": "connection", "name": name, "state": state, "detail": detail}


def _files(settings: Settings, client: Client) -> Iterator[dict[str, Any]]:
    """All but the workflows, which count as what is deployed."""
    from streams.ground.site_contents import contents

    here = contents(settings.site_dir)
    there = {each["name"]: each["digest"] for each in client.get("/v1/site")["files"]}
    for name in sorted({*here, *there}):
        if name.startswith(f"{FOLDER}/"):
            continue
        state = "same" if here.get(name) == there.get(name) else "changed"
        if name not in there:
            state = "new"
        elif name not in here:
            state = "only there"
        yield {"kind": "file", "name": name, "state": state, "detail": ""}
