"""How replays and their reports are printed."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote

from streams.cli._client import Client
from streams.cli._ids import instance_path
from streams.cli._moments import moment
from streams.cli._output import echo, print_fields, print_json, print_table, status

LOOK_S = 0.5
LATE_S = 10.0  # for a replay to be taken
NOT_TAKEN = "nobody has taken it yet; `exlify status` says whether the worker `replay` runs"
OVER = ("completed", "cancelled", "failed")
Fields = dict[str, Any]


def path_of(name: str) -> str:
    """Of a replay at the gateway."""
    return f"/v1/replays/{quote(name, safe='')}"


def waited(client: Client, name: str, as_json: bool) -> None:
    """Stays until a replay is over and prints it, and says meanwhile what it waits for; exit code 1 where it has not
    completed."""
    begun, said = time.monotonic(), None
    while True:
        known = client.get("/v1/replays", limit=500)["replays"]
        state = next((each for each in known if each["name"] == name), None)
        if state is not None and state["status"] in OVER:
            break
        late = NOT_TAKEN if time.monotonic() - begun > LATE_S else None
        if (detail := late if state is None else state["detail"]) not in (None, said):
            echo(f"! {name}: {detail}", err=True)
            said = detail
        time.sleep(LOOK_S)
    print_replay(client.get(path_of(name)), as_json)
    if state["status"] != "completed":
        raise SystemExit(1)


def print_replay(told: Fields, as_json: bool) -> None:
    """A replay with its report."""
    if as_json:
        print_json(told)
        return
    print_counts(told)
    _print_report(told["report"])


def print_counts(told: Fields) -> None:
    """Where a replay is."""
    asked = told["request"]
    gone = told["gone"]
    found = told["from_history"]
    lost = f"at most {gone}, of which history had {found}" if gone else None
    models = ", ".join(f"{name}@{version}" for name, version in asked["models"].items())
    definitions = ", ".join(f"{name} ({digest[:12]})" for name, digest in asked["definitions"].items())
    print_fields(
        (
            ("replay", told["name"]),
            ("status", status(told["status"])),
            ("detail", told["detail"]),
            ("topics", ", ".join(asked["topics"])),
            ("processed with", definitions),
            ("models", models or None),
            ("effects", asked["effects"]),
            ("rate", f"{asked['rate']:g}/s"),
            ("records", f"{told['read']} of {told['held']} read" if not asked["live"] else None),
            ("shadow", _shadow(asked, told) if asked["live"] else None),
            ("gone", lost),
            ("unreadable", told["unreadable"] or None),
            ("replayed", told["replayed"]),
            ("changed", told["changed"]),
            ("unanswered", told["unanswered"]),
            ("started", f"{moment(told['started'])} by {told['actor']}"),
            ("ended", moment(told["ended"]) if told["ended"] else None),
        )
    )


def _shadow(asked: Fields, told: Fields) -> str:
    until = moment(asked["until"]) if asked["until"] else f"until `exlify replays cancel {told['name']}`"
    return f"{told['read']} live runs that have ended since it began, {until}"


def _print_report(report: Fields) -> None:
    if not report["events"]:
        return
    echo()
    print_table(("BEFORE", "AFTER", "EVENTS"), [_row(each, "before", "after") for each in report["outcomes"]])
    if report["routes"]:
        echo()
        rows = [_row(each, "task", "before", "after") for each in report["routes"]]
        print_table(("TASK", "BEFORE", "AFTER", "EVENTS"), rows)
    if report["stopped"]:
        echo()
        print_table(("STOPPED AT", "EVENTS"), [(each["step"], each["events"]) for each in report["stopped"]])
    echo()
    people, calls, timed, outputs = report["people"], report["calls"], report["time"], report["outputs"]
    print_fields(
        (
            ("outputs", f"{outputs['same']} the same, {outputs['changed']} changed"),
            ("tasks of people", f"{people['before']} before, {people['after']} after"),
            ("calls of systems", f"{calls['before']} before, {calls['after']} after, {calls['real']} really made"),
            ("cost", _cost(report["cost"])),
            ("answers assumed", report["assumed"] or None),
            ("time", _time(timed) if timed["compared"] else None),
        )
    )


def _cost(cost: Fields) -> str | None:
    return f"{cost['before']:,g} before, {cost['after']:,g} after" if any(cost.values()) else None


def _time(timed: Fields) -> str:
    number = timed["compared"]
    before, after = (timed[name] / number / 1_000 for name in ("before_ms", "after_ms"))
    return f"{before:.1f} s before, {after:.1f} s after, the mean of {number} that completed both times"


def _row(cell: Fields, *names: str) -> tuple[Any, ...]:
    return (*(cell[name] for name in names), cell["events"])


def print_dry_run(told: Fields, as_json: bool) -> None:
    """What a replay would process."""
    if as_json:
        print_json(told)
        return
    print_fields(
        (
            ("records", told["held"]),
            ("gone", f"at most {told['gone']}; history may have them" if told["gone"] else None),
            ("looked at", told["looked_at"]),
            ("unreadable", told["unreadable"] or None),
            ("meant", told["meant"] if told["whole"] else f"{told['meant']} of those looked at"),
        )
    )
    if told["sample"]:
        echo()
        rows = [
            (each["place"], each["type"], each["subject"], each["workflow"], each["before"]) for each in told["sample"]
        ]
        print_table(("PLACE", "TYPE", "SUBJECT", "WORKFLOW", "FIRST RUN"), rows)


def verified(client: Client, instance: str | None, query: Fields, as_json: bool) -> None:
    """Folds instances page by page, or one; exit code 1 where the history of one is not what the engine makes of it."""
    if instance is not None:
        query = {**query, "instance_id": client.get(instance_path(client, instance))["instance_id"]}  # it is there
    checked, findings, cursor = 0, [], None
    while True:
        page = client.get("/v1/verification", limit=500, cursor=cursor, **query)
        checked += page["checked"]
        findings += page["findings"]
        cursor = page["next"]
        if cursor is None:
            break
    if as_json:
        print_json({"checked": checked, "findings": findings})
    else:
        for each in findings:
            what = "differs" if each["differs"] else "cannot be told"
            echo(f"{each['instance_id']} entry {each['seq']}: {what}, {each['why']}")
        differ = sum(each["differs"] for each in findings)
        echo(f"{checked} instances folded again: {differ} differ, {len(findings) - differ} cannot be told")
    if any(each["differs"] for each in findings):
        raise SystemExit(1)
