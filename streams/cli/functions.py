"""`exlify functions`: what a definition can call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.cli._client import Client, connect
from streams.cli._output import bold, echo, json_option, print_fields, print_json, print_table
from streams.cli._steps import own_steps, steps_option
from streams.ground.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from streams.ground.settings import Settings

HOSTED = {True: "yes", False: "no", None: None}  # None: no system runs here


@click.command(
    epilog="""\b
Examples:
  exlify functions
  exlify functions human
  exlify functions sql.query --json | jq .schema
"""
)
@click.argument("name", required=False)
@steps_option
@json_option
def command(name: str | None, places: Sequence[Path], as_json: bool) -> None:
    """List the functions that definitions can call, or show the one called NAME with its arguments.

    While Exlify runs here, those of the running system, own steps that workers have announced included, and whether
    somebody carries them out now.
    """
    from streams.catalogue import functions, load_settings
    from streams.processors.functions import brief, full

    settings = load_settings()
    known = functions(own_steps(places, settings))
    running = _of_the_system(settings)
    if name is None:
        ours = {each.name: brief(each) for each in known.values()}
        _print_all(list({**ours, **{each["name"]: each for each in running}}.values()), as_json)
        return
    there = {each["name"]: each for each in running}
    if name not in known and name not in there:
        raise UsageError(
            f"functions: there is no {name}. There are: {', '.join([*known, *sorted(there.keys() - known.keys())])}."
        )
    hosted = there.get(name, {}).get("hosted")
    shown = full(known[name], hosted=hosted) if name in known else connect().get(f"/v1/functions/{name}")
    if as_json:
        print_json(shown)
    else:
        _print(shown)


def _of_the_system(settings: Settings) -> list[dict[str, Any]]:
    """What the gateway tells; nothing where none answers, since a definition is also written without a system."""
    try:
        listed: list[dict[str, Any]] = Client(settings).get("/v1/functions")["functions"]
    except UnavailableError:
        return []
    return listed


def _print_all(functions: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json({"functions": functions})
        return
    head = ("FUNCTION", "EFFECT", "CARRIED OUT BY", "HOSTED", "DOES")
    print_table(
        head,
        (
            (
                each["name"],
                each["effect"] or "varies",
                each["carried_out_by"],
                HOSTED[each["hosted"]],
                each["summary"],
            )
            for each in functions
        ),
    )


def _print(function: dict[str, Any]) -> None:
    print_fields(
        (
            ("function", function["name"]),
            ("does", function["summary"]),
            ("effect", function["effect"] or "depends on the arguments"),
            ("", function["effect_note"]),
            ("carried out by", function["carried_out_by"]),
            ("hosted", HOSTED[function["hosted"]]),
            ("tried again", _recovery(function["recovery"])),
            ("waits", "for people" if function["waits_for_people"] else None),
        )
    )
    echo()
    print_table(
        ("ARGUMENT", "KIND", "REQUIRED", "DEFAULT", "EXAMPLE", "MEANING"), _arguments(function["arguments"], "")
    )
    echo()
    echo(bold("example"))
    echo("call: ", function["name"])
    echo("with: ", function["example"])
    echo()
    echo(bold("output"))
    print_json(function["output"])


def _recovery(told: dict[str, Any] | None) -> str:
    """How it is tried again where neither definition nor connection says it."""
    from schemas.recovery import USUAL, Policy, words

    return f"{words(USUAL)} (as usual)" if told is None else words(Policy(**told))


def _arguments(arguments: list[dict[str, Any]], within: str) -> Iterator[tuple[Any, ...]]:
    """A line for each argument, and for each member of one, under its place."""
    for each in arguments:
        kind = " | ".join(each["choices"]) or each["kind"]
        required = "yes" if each["required"] else None
        yield f"{within}{each['name']}", kind, required, each["default"], each["example"], each["summary"]
        yield from _arguments(each["members"], f"{within}{each['name']}.")
