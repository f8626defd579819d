"""`exlify functions`: what a definition can call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from streams.cli._output import bold, echo, json_option, print_fields, print_json, print_table
from streams.ground.errors import UsageError


@click.command(
    epilog="""\b
Examples:
  exlify functions
  exlify functions human
  exlify functions sql.query --json | jq .schema
"""
)
@click.argument("name", required=False)
@json_option
def command(name: str | None, as_json: bool) -> None:
    """List the functions that definitions can call, or show the one called NAME with its arguments."""
    from streams.catalogue import FUNCTIONS
    from streams.processors.functions import brief, full

    if name is None:
        _print_all([brief(each) for each in FUNCTIONS.values()], as_json)
    elif name not in FUNCTIONS:
        raise UsageError(f"functions: there is no {name}. There are: {', '.join(FUNCTIONS)}.")
    elif as_json:
        print_json(full(FUNCTIONS[name]))
    else:
        _print(full(FUNCTIONS[name]))


def _print_all(functions: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json({"functions": functions})
        return
    head = ("FUNCTION", "EFFECT", "CARRIED OUT BY", "DOES")
    print_table(
        head,
        ((each["name"], each["effect"] or "varies", each["carried_out_by"], each["summary"]) for each in functions),
    )


def _print(function: dict[str, Any]) -> None:
    print_fields(
        (
            ("function", function["name"]),
            ("does", function["summary"]),
            ("effect", function["effect"] or "depends on the arguments"),
            ("", function["effect_note"]),
            ("carried out by", function["carried_out_by"]),
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


def _arguments(arguments: list[dict[str, Any]], within: str) -> Iterator[tuple[Any, ...]]:
    """A line for each argument, and for each member of one, under its place."""
    for each in arguments:
        kind = " | ".join(each["choices"]) or each["kind"]
        required = "yes" if each["required"] else None
        yield f"{within}{each['name']}", kind, required, each["default"], each["example"], each["summary"]
        yield from _arguments(each["members"], f"{within}{each['name']}.")
