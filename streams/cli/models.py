"""`exlify models`: the models at hand."""

from __future__ import annotations

from typing import Any

import click

from streams.cli._output import echo, json_option, print_json, print_table


@click.group(
    invoke_without_command=True,
    epilog="""\b
Examples:
  exlify models
  exlify models list --json
""",
)
@json_option
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List the models at hand."""
    if context.invoked_subcommand is None:
        context.invoke(list_models, as_json=as_json)


@command.command("list")
@json_option
def list_models(as_json: bool) -> None:
    """List every version of every model, and what is wrong with it.

    Exit code 1 if one that decides cannot be used: what needs it waits until the right files are there.
    """
    from models.serving.registry import Registry
    from streams import catalogue
    from streams.processors.decide.places import folders

    registry = Registry(*folders(catalogue.load_settings()))
    found = [_version(registry, name, version) for name, version in registry.shelf.versions()]
    faults = registry.load_all()
    if as_json:
        print_json({"models": found, "faults": [fault._asdict() for fault in faults]})
    else:
        head = ("MODEL", "VERSION", "STATE", "USABLE")
        print_table(head, ((each["name"], each["version"], each["state"], each["usable"]) for each in found))
        for fault in faults:
            echo(f"! {fault.model}: {fault.file}: {fault.reason}", err=True)
    if faults:
        raise SystemExit(1)


def _version(registry: Any, name: str, version: str) -> dict[str, Any]:
    from models.serving.errors import RefusedModelError

    active = registry.shelf.active.get(name)
    found = {"name": name, "version": version, "state": "active" if active and active.version == version else "-"}
    try:
        registry.get(name, version)
    except RefusedModelError as error:
        return {**found, "usable": "no", "reason": str(error)}
    return {**found, "usable": "yes", "reason": None}
