"""`exlify retry --now`: steps that wait for their next try do not wait for its time, those of one instance or many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from streams.cli._actor import acting
from streams.cli._bulk import EXIT_NOT_ALL, conclude, print_meant, side_by_side
from streams.cli._client import Client, Refused, connect
from streams.cli._ids import instance_id
from streams.cli._output import echo, print_json, print_line
from streams.cli._reason import retry_line
from streams.ground.errors import UsageError

OF_INSTANCES = ("workflow", "version", "business_key")
OF_STEPS = ("reason", "connection")
TAKEN = (*OF_INSTANCES, *OF_STEPS, "instance", "task", "why", "actor", "as_json", "dry_run", "rate")
BEGUN = "begun"


def hurry(given: Mapping[str, Any], others: Mapping[str, Any]) -> None:
    """Asks for it; `others` are options that change a step, and go with failed ones only."""
    strange = [f"--{name}" for name, value in given.items() if value and name not in TAKEN]
    strange += [name for name, value in others.items() if value]
    if strange:
        raise UsageError(f"--now does not go with {', '.join(strange)}: the try that is due anyway begins earlier.")
    narrowed = {name: given[name] for name in (*OF_INSTANCES, *OF_STEPS) if given[name] is not None}
    if (given["instance"] is None) == (not narrowed):
        raise UsageError(
            "--now: name an INSTANCE, or say by --workflow, --error, --connection or --key which steps are meant; "
            "exlify list --retrying shows which wait."
        )
    if given["instance"] is None and not given["why"] and not given["dry_run"]:
        raise UsageError("--why is missing: say why, in a few words, since history keeps it for every instance.")
    client = connect()
    wish = {"why": given["why"] or "retry by hand", "actor": acting(given["actor"]), "task": given["task"]}
    wish |= {name: given[name] for name in OF_STEPS}
    wish = {name: value for name, value in wish.items() if value is not None}
    if given["instance"] is not None and not given["dry_run"]:
        _of_one(client, instance_id(client, given["instance"]), wish, given["as_json"])
        return
    if given["instance"] is not None:
        narrowed["instance_id"] = instance_id(client, given["instance"])
    if given["task"] is not None:
        narrowed["step"] = given["task"]
    found = client.every("/v1/instances", "instances", retrying="true", **narrowed)
    if given["dry_run"]:
        meant = list(found)
        lines = [f"{each['instance_id']}  {retry_line(step)}" for each in meant for step in each["retrying"]]
        print_meant({"instances": meant}, lines, "step", "steps", as_json=given["as_json"])
    else:
        _one_by_one(client, found, wish, given["rate"], given["as_json"])


def _of_one(client: Client, instance: str, wish: Mapping[str, Any], as_json: bool) -> None:
    _, told = client.post_json(_path(instance), wish)
    if as_json:
        print_json(told)
    else:
        for each in told["retries"]:
            word = BEGUN if each["begun"] else "asked: it has not begun yet"
            echo(f"{each['pointer']}  retry {each['retry']}  {word}")
    if not all(each["begun"] for each in told["retries"]):
        raise SystemExit(EXIT_NOT_ALL)


def _path(instance: str) -> str:
    return f"/v1/instances/{instance}/retry-now"


def _one_by_one(
    client: Client, found: Iterator[dict[str, Any]], wish: Mapping[str, Any], rate: float | None, as_json: bool
) -> None:
    counts = Counter[str]()
    ids = (each["instance_id"] for each in found)
    for _, each in side_by_side(ids, rate, lambda instance: _decide_one(client, instance, wish)):
        for told in each:
            counts[told["result"]] += 1
            if as_json:
                print_line(told)
            else:
                detail = f": {told['detail']}" if told["detail"] else ""
                echo(f"{told['instance_id']}  {told['pointer'] or ''}  {told['result']}{detail}")
    conclude(counts, BEGUN, "no step that is meant waits for its next try", as_json=as_json)


def _decide_one(client: Client, instance: str, wish: Mapping[str, Any]) -> list[dict[str, Any]]:
    try:
        _, told = client.post_json(_path(instance), wish)
    except Refused as refusal:
        return [{"instance_id": instance, "pointer": None, "result": "refused", "detail": str(refusal)}]
    return [
        {
            "instance_id": instance,
            "pointer": each["pointer"],
            "result": BEGUN if each["begun"] else "asked",
            "detail": None if each["begun"] else "it has not begun yet",
        }
        for each in told["retries"]
    ]
