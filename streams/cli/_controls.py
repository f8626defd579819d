"""What `suspend`, `resume`, `move`, `cancel` and `rerun` share: one instance, or all that a filter finds."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import click

from schemas.lifecycle import OF_INSTANCES, TERMINAL
from streams.cli._actor import acting
from streams.cli._bulk import EXIT_NOT_ALL, by_now, conclude, how, say_meant, side_by_side, which
from streams.cli._client import Client, Refused, connect
from streams.cli._ids import instance_path
from streams.cli._moments import moment
from streams.cli._options import together
from streams.cli._output import echo, print_json, print_line, print_table, status
from streams.ground.errors import UsageError

STATUSES = [each.value for each in OF_INSTANCES]


@dataclass(frozen=True, kw_only=True)
class Verb:
    """What is done to instances: the last part of its path, and what somebody reads who asks for it."""

    name: str
    done: str
    said_as: str = "why"  # the member of the body that says why
    of_open: bool = True  # instances that have not ended; False: any


decision = together(
    click.argument("instance", required=False),
    which(
        "Started",
        "Why they faulted, or wait for a decision, such as UNREACHED.",
        click.option("--status", type=click.Choice(STATUSES), help="Status of the instances."),
        click.option("--step", help="The step at which they wait or faulted: its name, or its JSON Pointer."),
    ),
    how("instances"),
)
"""The argument and options of all of them."""


def carry_out(verb: Verb, given: dict[str, Any], more: dict[str, Any]) -> None:
    """Does it to one instance, or to every one that the filters find and that was there before."""
    as_json, dry_run, instance = given.pop("as_json"), given.pop("dry_run"), given.pop("instance")
    rate, why, actor = given.pop("rate"), given.pop("why"), acting(given.pop("actor"))
    narrowed = {name: value for name, value in given.items() if value is not None}
    if (instance is None) == (not narrowed):
        message = "Name an INSTANCE, or say by --workflow, --status or another filter which instances are meant."
        raise UsageError(message)
    if not why and not dry_run:
        raise UsageError("--why is missing: say why, in a few words, since history keeps it.")
    wish = {verb.said_as: why, "actor": actor, **more}
    client = connect()
    if instance is not None:
        path = instance_path(client, instance)
        if not dry_run:
            _one(client, verb, path, wish, as_json)
            return
        found = iter([client.get(path)])
    else:
        narrowed.setdefault("until", by_now())
        found = _meant(client, verb, narrowed)
    if dry_run:
        _print_meant(list(found), as_json)
        return
    _one_by_one(client, verb, found, wish, rate, as_json)


def _meant(client: Client, verb: Verb, narrowed: dict[str, Any]) -> Iterator[dict[str, Any]]:
    found = client.every("/v1/instances", "instances", **narrowed)
    return (each for each in found if not (verb.of_open and each["status"] in TERMINAL))


def _one(client: Client, verb: Verb, path: str, wish: dict[str, Any], as_json: bool) -> None:
    _, told = client.post_json(f"{path}/{verb.name}", wish)
    if as_json:
        print_json(told)
    elif "started" in told:
        echo(f"started {told['started']}; `exlify show {told['started']}` tells how it goes")
    elif told.get("taken"):
        echo(f"{verb.done}; `exlify show {told['instance_id']}` tells how it goes")
    else:
        echo(f"taken note of; `exlify show {told['instance_id']}` tells what became of it")
    if told.get("taken", True) is None:
        raise SystemExit(EXIT_NOT_ALL)


def _one_by_one(
    client: Client, verb: Verb, found: Iterator[dict[str, Any]], wish: dict[str, Any], rate: float | None, as_json: bool
) -> None:
    counts = Counter[str]()
    run = uuid.uuid4().hex  # so that a request that is sent again is known
    ids = (each["instance_id"] for each in found)
    asked = side_by_side(ids, rate, lambda instance: _ask(client, verb, instance, wish, f"{run}/{instance}"))
    for instance, (word, detail) in asked:
        counts[word] += 1
        if as_json:
            print_line({"instance_id": instance, "result": word, "detail": detail})
        else:
            echo(f"{instance}  {word}" + (f": {detail}" if detail else ""))
    conclude(counts, verb.done, "no instance is meant", as_json=as_json)


def _ask(client: Client, verb: Verb, instance: str, wish: dict[str, Any], name: str) -> tuple[str, str | None]:
    path, headers = f"/v1/instances/{instance}/{verb.name}", {"Idempotency-Key": name}
    try:
        _, told = client.post_json(path, wish, headers)
    except Refused as refusal:
        return "refused", str(refusal)
    if told.get("taken", True) is None:
        return "asked", "the engine has not answered yet"
    return verb.done, told.get("started")


def _print_meant(found: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json({"instances": [{name: each[name] for name in ("instance_id", "status")} for each in found]})
        return
    rows = (
        (each["instance_id"], each["workflow"], each["version"], status(each["status"]), moment(each["started_at"]))
        for each in found
    )
    print_table(("INSTANCE", "WORKFLOW", "VERSION", "STATUS", "STARTED"), rows, ids=["INSTANCE"])
    say_meant(len(found), "instance", "instances")
