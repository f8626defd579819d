"""`exlify errors`: every reason for which a step can fail, and what it asks for."""

from __future__ import annotations

import click

from streams.cli._output import json_option, print_fields, print_json, print_table
from streams.ground.errors import UsageError


@click.command(
    epilog="""\b
Examples:
  exlify errors
  exlify errors OUTCOME_UNKNOWN
  exlify errors --json | jq '.errors[] | select(.again == "after_fix").reason'
"""
)
@click.argument("reason", required=False)
@json_option
def command(reason: str | None, as_json: bool) -> None:
    """List the reasons of errors, or show the one called REASON.

    They are the same whatever failed: a call, a step of your own, the engine. A definition catches them by `reason`.
    """
    from schemas.reasons import described

    rows = described()
    if reason is None:
        if as_json:
            print_json({"errors": rows})
        else:
            head = ("REASON", "MEANS", "STATUS", "AGAIN", "LIES WITH")
            print_table(head, ([row[each] for each in ("reason", "title", "status", "again", "fault")] for row in rows))
        return
    found = next((row for row in rows if row["reason"] == reason.upper()), None)
    if found is None:
        raise UsageError(f"errors: there is no {reason}. See exlify errors.")
    if as_json:
        print_json(found)
    else:
        print_fields(
            (
                ("reason", found["reason"]),
                ("means", found["title"]),
                ("type", found["type"]),
                ("status", found["status"]),
                ("code", found["code"]),
                ("again", f"{found['again']}: {found['advice']}"),
                ("lies with", found["fault"]),
                ("concerns", found["concerns"]),
                ("breaker", "counts as a failure of the system" if found["trips"] else None),
            )
        )
