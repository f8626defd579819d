"""`exlify retry --now`: steps that wait for their next try do not wait for its time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streams.cli._actor import acting
from streams.cli._bulk import EXIT_NOT_ALL
from streams.cli._client import connect
from streams.cli._ids import instance_id
from streams.cli._output import echo, print_json
from streams.ground.errors import UsageError

TAKEN = ("instance", "task", "why", "actor", "as_json")


def hurry(given: Mapping[str, Any], others: Mapping[str, Any]) -> None:
    """Asks for it; `others` are options that change a step, and go with failed ones only."""
    strange = [f"--{name}" for name, value in given.items() if value and name not in TAKEN]
    strange += [name for name, value in others.items() if value]
    if strange:
        raise UsageError(f"--now does not go with {', '.join(strange)}: the try that is due anyway begins earlier.")
    if given["instance"] is None:
        raise UsageError("--now: name an INSTANCE; exlify list --retrying shows which wait.")
    client = connect()
    wish = {"why": given["why"] or "retry by hand", "actor": acting(given["actor"])}
    wish |= {"task": given["task"]} if given["task"] is not None else {}
    path = f"/v1/instances/{instance_id(client, given['instance'])}/retry-now"
    _, told = client.post_json(path, wish)
    if given["as_json"]:
        print_json(told)
    else:
        for each in told["retries"]:
            word = "begun" if each["begun"] else "asked: it has not begun yet"
            echo(f"{each['pointer']}  retry {each['retry']}  {word}")
    if not all(each["begun"] for each in told["retries"]):
        raise SystemExit(EXIT_NOT_ALL)
