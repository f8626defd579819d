"""`exlify deploy`: definitions to the running system."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from streams.cli._actor import acting, as_option
from streams.cli._client import Client, Refused, connect
from streams.cli._definition_files import with_schemas
from streams.cli._moments import moment
from streams.cli._output import echo, json_option, print_json
from streams.language.faults import DefinitionError

CONFLICT = 409
TAKEN = "urn:exlify:problem:version-taken"


@click.command(
    epilog="""\b
Examples:
  exlify deploy streams/workflows/customer-onboarding.yaml
  exlify deploy flows/*.yaml --json
"""
)
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Deploy also what has the version of another, in development.")
@as_option("deploys")
@json_option
def command(files: tuple[Path, ...], replace: bool, actor: str | None, as_json: bool) -> None:
    """Deploy workflow definitions.

    New instances start on the version deployed last; instances that run stay on theirs. A definition with faults is
    refused with all of them, and so is one with the version of another; those after it are still tried. Exit code 2 if
    any was refused.
    """
    client = connect()
    results = [_deploy(client, file, replace, acting(actor)) for file in files]
    if as_json:
        print_json(results)
    else:
        for result in results:
            _print(result)
    if any("digest" not in result for result in results):
        raise SystemExit(2)


def _deploy(client: Client, file: Path, replace: bool, actor: str) -> dict[str, Any]:
    query = {"actor": actor, **({"replace": "true"} if replace else {})}
    try:
        text = _with_schemas(file.read_bytes(), file)
        _, deployed = client.post(f"/v1/definitions?{urlencode(query)}", text, "application/yaml")
    except DefinitionError as error:
        return {"file": str(file), "faults": [asdict(fault) for fault in error.faults]}
    except Refused as refusal:
        if refusal.status == CONFLICT:
            hint = " (--replace)" if refusal.problem.get("type") == TAKEN else ""
            return {"file": str(file), "refused": f"{refusal}{hint}"}
        if "faults" not in refusal.problem:
            raise
        return {"file": str(file), "faults": refusal.problem["faults"]}
    return {"file": str(file), **deployed}


def _with_schemas(raw: bytes, file: Path) -> bytes:
    """The definition with the schemas of its folder; what is no text the gateway refuses."""
    try:
        return with_schemas(raw.decode(), file).encode()
    except UnicodeDecodeError:
        return raw


def _print(result: dict[str, Any]) -> None:
    for fault in result.get("faults") or result.get("warnings", ()):
        place = f"{result['file']}:{fault['line']}:{fault['column']}"
        remedy = f"Remedy: {fault['remedy']}"
        echo(f"{place}: {fault['severity']}[{fault['code']}]: {fault['message']}. {remedy}", err=True)
    if "refused" in result:
        echo(f"{result['file']}: {result['refused']}", err=True)
    if "digest" in result:
        echo(f"deployed {result['name']} {result['version']}, digest {result['digest'][:12]}{_instead(result)}")


def _instead(result: dict[str, Any]) -> str:
    """What it takes the place of, and whether anything starts at all."""
    held = {"paused": "; the workflow is paused, so its events wait", "retired": "; the workflow is retired"}
    stands = held.get(result.get("state", ""), "")
    before = result.get("replaces")
    if not before:
        return stands
    by = f"deployed by {before['deployed_by']}, {moment(before['deployed_at'])}"
    return (
        f"; new instances start on it, and no more on {before['version']}, digest {before['digest'][:12]}, {by}{stands}"
    )
