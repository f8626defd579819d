"""What `retry`, `skip` and `fail` share: one instance, or all incidents that a filter finds, each told by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from streams.cli._actor import acting
from streams.cli._bulk import EXIT_NOT_ALL, by_now, conclude, how, print_meant, side_by_side, which
from streams.cli._client import Client, Refused, connect
from streams.cli._ids import instance_id
from streams.cli._options import together
from streams.cli._output import echo, print_json, print_line
from streams.ground.errors import UsageError

IN_DOUBT = "OUTCOME_UNKNOWN"
DONE = {"retry": "retried", "skip": "skipped", "fail": "failed"}

filters = which(
    "Opened",
    "Reason of the error, such as UNREACHED.",
    click.option("--connection", help="Of a step whose definition names this connection, such as erp."),
    click.option("--owner", help="The team that is asked."),
)
"""The options that say which incidents are meant."""


decision = together(
    click.argument("instance", required=False),
    click.option("--task", help="The incident at this task, as a JSON Pointer; default: all of the instance."),
    filters,
    how("incidents"),
)
"""The argument and options of all decisions."""


def decide(action: str, given: dict[str, Any], more: dict[str, Any]) -> None:
    """Carries a decision out: for one instance, or for every open incident that the filters find."""
    as_json, dry_run = given.pop("as_json"), given.pop("dry_run")
    instance, task, rate = given.pop("instance"), given.pop("task"), given.pop("rate")
    why, actor = given.pop("why"), acting(given.pop("actor"))
    narrowed = {name: value for name, value in given.items() if value is not None}
    if (instance is None) == (not narrowed):
        raise UsageError("Name an INSTANCE, or say by --workflow, --error or another filter which incidents are meant.")
    if instance is None and not why and not dry_run:
        raise UsageError("--why is missing: say why, in a few words, since history keeps it for every instance.")
    wish = {"why": why or f"{action} by hand", "actor": actor, **more}
    client = connect()
    narrowed.setdefault("until", by_now())
    if instance is not None:
        instance = narrowed["instance_id"] = instance_id(client, instance)
    if task is not None:
        narrowed["pointer"] = task
    if instance is not None and not dry_run:
        wish |= {"task": task} if task is not None else {}
        _, told = client.post_json(f"/v1/instances/{instance}/{action}", wish)
        _print_told(action, told["repairs"], as_json)
        return
    found = _meant(client, action, narrowed)
    if dry_run:
        meant = list(found)
        lines = [f"{each['incident_id']}  {each['pointer']}  {each['reason'] or ''}" for each in meant]
        print_meant({"incidents": meant}, lines, "incident", "incidents", as_json=as_json)
        return
    _one_by_one(client, action, found, wish, rate, as_json)


def _meant(client: Client, action: str, narrowed: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The open incidents that the filters find, page by page.

    Where nobody knows whether the outside world has changed, a retry for many would do harm to some: those are meant
    only where they are named.
    """
    named = "instance_id" in narrowed or narrowed.get("reason") == IN_DOUBT
    decided = set()  # a step that fails again is a new incident, and not meant a second time
    for each in client.every("/v1/incidents", "incidents", status="open", **narrowed):
        step = (each["instance_id"], each["pointer"], each["iteration"])
        doubtful = each["reason"] == IN_DOUBT and action == "retry"
        if step not in decided and (named or not doubtful):
            decided.add(step)
            yield each


def _one_by_one(
    client: Client,
    action: str,
    found: Iterator[dict[str, Any]],
    wish: dict[str, Any],
    rate: float | None,
    as_json: bool,
) -> None:
    counts = Counter[str]()
    for each, (word, detail) in side_by_side(found, rate, lambda each: _decide_one(client, action, each, wish)):
        counts[word] += 1
        if as_json:
            print_line(
                {"incident_id": each["incident_id"], "pointer": each["pointer"], "result": word, "detail": detail}
            )
        else:
            echo(f"{each['incident_id']}  {each['pointer']}  {word}" + (f": {detail}" if detail else ""))
    conclude(counts, DONE[action], "no open incident is meant", as_json=as_json)


def _decide_one(client: Client, action: str, incident: dict[str, Any], wish: dict[str, Any]) -> tuple[str, str | None]:
    path = f"/v1/instances/{incident['instance_id']}/{action}"
    try:
        _, told = client.post_json(path, {**wish, "incident": incident["incident_id"]})
    except Refused as refusal:
        return "refused", str(refusal)
    return _word(action, told["repairs"][0])


def _word(action: str, told: dict[str, Any]) -> tuple[str, str | None]:
    if told["taken"] is None:
        return "asked", "the engine has not answered yet"
    return (DONE[action], None) if told["taken"] else ("refused", told["detail"])


def _print_told(action: str, repairs: list[dict[str, Any]], as_json: bool) -> None:
    words = [_word(action, each) for each in repairs]
    if as_json:
        print_json({"repairs": repairs})
    else:
        for each, (word, detail) in zip(repairs, words, strict=True):
            echo(f"{each['incident_id']}  {each['pointer']}  {word}" + (f": {detail}" if detail else ""))
    if any(word != DONE[action] for word, _ in words):
        raise SystemExit(EXIT_NOT_ALL)


def json_or_file(text: str, name: str) -> Any:
    """The JSON of an option, or of the file behind an @; raises UsageError."""
    from schemas.jsontext import NoJsonError, UnfitDataError, parse

    try:
        return parse(Path(text[1:]).read_bytes() if text.startswith("@") else text)
    except OSError as error:
        raise UsageError(f"{name}: {text[1:]} cannot be read ({error.strerror})") from None
    except NoJsonError as error:
        raise UsageError(f'{name} is no JSON ({error}); write it as \'{{"name": "value"}}\' or @FILE') from None
    except UnfitDataError as error:
        raise UsageError(f"{name} cannot be taken: {error}") from None
