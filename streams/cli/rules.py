"""`exlify rules`: the decision tables of the site folder, looked at and tried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from streams.cli._output import echo, json_option, print_fields, print_json, print_table
from streams.ground.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from models.rules.table import Ruled, Table
    from streams.processors.decide.tables import Tables

EXIT_FAULTY = 2


@click.group(epilog="""\b
Examples:
  exlify rules list
  exlify rules show lending-limits
  exlify rules check
  exlify rules run lending-limits --input '{"amount": 20000}'
""")  # fmt: skip
def command() -> None:
    """List, check and try the decision tables of the site folder, rules/NAME.yaml."""


@command.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the tables: how many rows, which fields they read, which routes they give."""
    tables = _tables()
    found = [_listed(tables, name) for name in tables.names]
    if as_json:
        print_json({"tables": found})
        return
    if not found:
        echo("no tables here")
        return
    rows = ((e["name"], e["rows"], ", ".join(e["fields"]), ", ".join(e["routes"]), e["fault"] or "-") for e in found)
    print_table(("TABLE", "ROWS", "FIELDS", "ROUTES", "FAULT"), rows)


@command.command()
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show the rows of the table NAME."""
    table, written, _ = _named(_tables(), name)
    if as_json:
        print_json({"name": name, "sha256": table.sha256, **written})
        return
    print_fields((("table", name), ("hit", written.get("hit", "first")), ("version", table.sha256[:12])))
    echo()
    rows = [
        (number, each.get("name", "-"), _when(each["when"]), each["route"], each.get("because", "-"))
        for number, each in enumerate(written["rows"], 1)
    ]
    print_table(("ROW", "NAME", "WHEN", "ROUTE", "BECAUSE"), rows)


@command.command()
@click.argument("names", nargs=-1)
@json_option
def check(names: tuple[str, ...], as_json: bool) -> None:
    """Check tables: their rows, the tests that stand in them, rows that meet or never decide, and gaps.

    Without NAMES all of the site folder. A gap, a case that no row decides, is told and is no fault: a person looks at
    it. Exit code 2 if one is faulty.
    """
    from models.rules.gaps import gaps

    tables = _tables()
    found: list[dict[str, Any]] = []
    for name in names or tables.names:
        try:
            _, written, tests = _named(tables, name)
            gap = next((f"{fault.what}; {fault.remedy}" for fault in gaps(written)), None)
            found.append({"table": name, "tests": tests, "gap": gap, "fault": None})
        except UsageError as error:
            found.append({"table": name, "tests": 0, "gap": None, "fault": str(error)})
    if as_json:
        print_json({"tables": found})
    else:
        for each in found:
            echo(each["fault"] or f"{each['table']}: {each['tests']} tests pass", err=bool(each["fault"]))
            if each["gap"]:
                echo(f"! {each['table']}: {each['gap']}")
        if not found:
            echo("no tables here")
    if any(each["fault"] for each in found):
        raise SystemExit(EXIT_FAULTY)


@command.command()
@click.argument("name")
@click.option("--input", "given", required=True, metavar="JSON|@FILE", help="The case that is judged.")
@json_option
def run(name: str, given: str, as_json: bool) -> None:
    """Tell what the table NAME says of a case, and by which row."""
    from streams.cli._repairs import json_or_file

    table, _, _ = _named(_tables(), name)
    values = json_or_file(given, "--input")
    if not isinstance(values, dict):
        raise UsageError('--input: no object. Write {"amount": 20000}.')
    told = _told(table.judge(values))
    if as_json:
        print_json({"table": name, **told})
    else:
        print_fields((field, value if isinstance(value, str) else None) for field, value in told.items())


def _told(ruled: Ruled) -> dict[str, Any]:
    from models.serving.card import REVIEW

    row = ruled.row
    held = "; ".join(each.text for each in ruled.held) or ("" if row else "no row of the rules holds for it")
    return {
        "route": row.route if row else REVIEW,
        "row": row.called if row else None,
        "because": (row.because if row else held) or None,
    }


def _tables() -> Tables:
    from streams.catalogue import load_settings
    from streams.ground.site import Site
    from streams.processors.decide.tables import Tables

    folder = load_settings(warn=lambda _: None).site_dir
    return Tables(folder, Site(folder))


def _named(tables: Tables, name: str) -> tuple[Table, Any, int]:
    """A table, as it is written, and how many tests it has. Raises UsageError."""
    from models.rules.table import read_table

    try:
        found = tables.get(name)
    except ConfigurationError as error:
        raise UsageError(str(error)) from None
    return read_table(found.written), found.written, found.tests


def _listed(tables: Tables, name: str) -> dict[str, Any]:
    try:
        table, _, _ = _named(tables, name)
    except UsageError as error:
        return {"name": name, "rows": None, "fields": [], "routes": [], "fault": str(error)}
    routes = [*dict.fromkeys(row.route for row in table.rows)]
    return {"name": name, "rows": len(table.rows), "fields": [*table.fields], "routes": routes, "fault": None}


def _when(cells: dict[str, Any]) -> str:
    return ", ".join(f"{field} {_cell(cell)}" for field, cell in cells.items()) or "always"


def _cell(cell: Any) -> str:
    if isinstance(cell, dict):
        return f"not {_cell(cell.get('not'))}"
    if isinstance(cell, list):
        return " or ".join(map(_cell, cell))
    return str(cell).lower() if isinstance(cell, bool) else str(cell)
