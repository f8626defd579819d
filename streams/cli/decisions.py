"""`exlify decisions`: what models have decided, and whether it can be computed again."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from streams.cli import _models as ours
from streams.cli._client import Client, connect
from streams.cli._moments import moment, period, utc_option
from streams.cli._options import together
from streams.cli._output import (
    echo,
    json_option,
    print_fields,
    print_json,
    print_line,
    print_page,
    print_table,
    print_text,
)
from streams.ground.errors import UsageError
from streams.processors.decide.shown import score_of

if TYPE_CHECKING:
    from streams.cli._decision_labels import TurnedOut

PAGE = 500


@click.group(
    invoke_without_command=True,
    epilog="""\b
Examples:
  exlify decisions
  exlify decisions list --model credit-risk --route review
  exlify decisions page ID > decision.html
  exlify decisions recompute --since 2026-01-31T00:00:00Z
  exlify decisions export --model credit-risk --format csv > decisions.csv
  exlify decisions export --model credit-risk decisions.parquet
""",
)
@json_option
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List, show, recompute and export decisions of models."""
    if context.invoked_subcommand is None:
        context.invoke(list_decisions, as_json=as_json)


_filters = together(
    click.option("--model", help="Name of the model."),
    click.option("--version", "model_version", help="Version of the model."),
    click.option("--route", help="What was decided."),
    click.option("--instance", "instance_id", help="The instance that it was decided for."),
    period("Decided"),
)


@command.command("list")
@_filters
@click.option("--limit", type=click.IntRange(1, PAGE), default=50, show_default=True, help="How many at most.")
@click.option("--cursor", help="Where the list before ended (`next` in its JSON).")
@json_option
@utc_option
def list_decisions(as_json: bool, **query: Any) -> None:
    """List decisions, newest first."""
    page = connect().get("/v1/decisions", **query)
    if as_json:
        print_json(page)
        return
    head = ("DECIDED", "MODEL", "ROUTE", "SCORE", "HELD", "DECISION")
    rows = (
        (
            moment(each["at"]),
            f"{each['model']}@{each['model_version']}",
            each["route"],
            score_of(each),
            ", ".join(dict.fromkeys(held["why"] for held in each["held"])) or None,
            each["decision_id"],
        )
        for each in page["decisions"]
    )
    print_page(head, rows, page["next"], spare=["HELD"], whole=["DECISION", "ROUTE", "DECIDED"])


@command.command("show")
@click.argument("decision")
@json_option
@utc_option
def show(decision: str, as_json: bool) -> None:
    """Show a decision: what was asked, what came out, why, and by which right."""
    found = _one(decision)
    if as_json:
        print_json(found)
        return
    print_fields(
        (
            ("decision", found["decision_id"]),
            ("decided", moment(found["at"])),
            ("model", f"{found['model']}@{found['model_version']}"),
            ("route", found["route"]),
            ("score", score_of(found)),
            ("certificate", found["certificate"]),
            ("compared with", found["reference"]),
            ("beside it", _beside(found.get("beside"))),
        )
    )
    for held in found["held"]:
        echo(f"held back: {held['text']}")
    if found["reasons"]:
        echo()
        print_table(("REASON", "THIS CASE", "COMPARED WITH", "CONTRIBUTION"), _compared(found))
    echo()
    print_table(("INPUT", "VALUE"), ((name, json.dumps(value)) for name, value in found["input"].items()))


@command.command("page")
@click.argument("decision")
def page(decision: str) -> None:
    """Write a decision as a page of HTML to standard output: by which right it was made, and its reasons as bars."""
    from streams.console.decision_page import decision_page

    found = _one(decision)
    print_text(decision_page(found, _card(found)))


@command.command("recompute")
@click.argument("decision", required=False)
@_filters
@json_option
def recompute(decision: str | None, as_json: bool, **query: Any) -> None:
    """Compute a decision again, or all that the filters find, by the models at hand.

    Exit code 1 if one comes out otherwise than it stands on record, or its model is not at hand.
    """
    from models.serving.registry import Registry
    from streams.processors.decide.recompute import CannotRecomputeError, recomputed

    registry = Registry(shelf=ours.known())
    equal, found = 0, []
    for record in [_one(decision)] if decision else _every(connect(), query):
        try:
            differences = recomputed(record, registry)
        except CannotRecomputeError as error:
            found.append({"decision_id": record["decision_id"], "cannot": str(error)})
            continue
        if differences:
            told = [each._asdict() for each in differences]
            found.append({"decision_id": record["decision_id"], "differences": told})
        else:
            equal += 1
    if as_json:
        print_json({"equal": equal, "others": found})
    else:
        echo(f"{equal} of {equal + len(found)} come out as they stand on record")
        for each in found:
            fields = ", ".join(one["field"] for one in each.get("differences", ()))
            echo(f"! {each['decision_id']}: {each.get('cannot') or f'otherwise: {fields}'}", err=True)
    if found:
        raise SystemExit(1)


@command.command("export")
@_filters
@click.option(
    "--format", "kind", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True,
    help="Of what is written to standard output.",
)  # fmt: skip
@click.argument("file", required=False, metavar="[FILE.parquet]", type=click.Path(dir_okay=False, path_type=Path))
def export(kind: str, file: Path | None, **query: Any) -> None:
    """Write decisions with their inputs, newest first: a line each to standard output, or a file of Parquet.

    The file also has what turned out about it first (label, with label_at and label_source): what a person answered who
    was asked or looked blindly, or a truth that was told later. And the chance with which a case like it is looked at
    by a person (inclusion_probability), which what is learned from such labels has to weigh.
    """
    if file is not None and file.suffix != ".parquet":
        raise UsageError(f"{file}: is to be called .parquet. Other forms go to standard output: --format.")
    client = connect()
    records = _every(client, query)
    if file is not None:
        from streams.cli._decision_labels import turned_out
        from streams.cli._decisions_parquet import write

        with turned_out(query["model"]) as known:
            count = write(file, ({**_flat(each), **_answer(client, each, known)} for each in records))
        echo(f"{count} decisions written to {file}", err=True)
        return
    if kind == "jsonl":
        for each in records:
            print_line(each)
        return
    rows = [_flat(each) for each in records]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(sys.stdout, columns)
    writer.writeheader()
    writer.writerows(rows)


def _answer(client: Client, record: dict[str, Any], known: Callable[[str], TurnedOut | None]) -> dict[str, Any]:
    """What turned out about the case, or what a person said of it, where the route asked one, or an audit; and the
    chance of being asked."""
    from models.serving.card import REVIEW

    asked, audit = record["route"] == REVIEW, record.get("audit") or {}
    chance = 1.0 if asked else audit.get("share", 0.0)
    beside = record.get("beside")
    drawn = beside is not None and (beside["route"] == REVIEW) != asked  # who decides was drawn, by a share of the time
    found = dict.fromkeys(("label", "label_at", "label_source")) | {"inclusion_probability": None if drawn else chance}
    if (out := known(record["decision_id"])) is not None:
        return found | {"label": out.label, "label_at": out.at, "label_source": out.source}
    if not asked and not audit.get("drawn"):
        return found
    tasks = client.get("/v1/tasks", instance_id=record["instance_id"], status="completed", limit=PAGE)["tasks"]
    blind, ours = [[each for each in tasks if each["audit"] is audits] for audits in (True, False)]
    meant = (
        (each for each in ours if each["created_at"] >= record["at"])
        if asked
        else (each for each in blind if each["task_id"] == record["decision_id"])
    )
    answered = next(meant, None)
    if answered is None:
        return found
    source = "correction" if asked else "audit"
    return found | {"label": answered["outcome"], "label_at": answered["updated_at"], "label_source": source}


def _compared(record: dict[str, Any]) -> Iterator[tuple[str | None, ...]]:
    """Each reason with the value of the case, and what that is compared with where the card is at hand."""
    from models.serving.telling import said

    card = _card(record) or {}
    texts = {each["field"]: each.get("texts", {}) for each in card.get("inputs", ())}
    profile = card.get("reference", {}).get("values", {})
    for each in record["reasons"]:
        group = each["group"]
        case, usual = (
            said(of[group], texts.get(group, {})) if group in of else None for of in (record["input"], profile)
        )
        yield group, case, usual, f"{each['contribution']:+.6f}"


def _card(record: dict[str, Any]) -> dict[str, Any] | None:
    """The card of the version that decided, where it is at hand."""
    import msgspec

    from models.serving.card import read_card
    from models.serving.errors import RefusedModelError
    from models.serving.shelf import is_word

    if not (is_word(record["model"]) and is_word(record["model_version"])):
        return None
    try:
        card, _ = read_card(ours.known().folder(record["model"], record["model_version"]))
    except RefusedModelError:
        return None
    described: dict[str, Any] = msgspec.to_builtins(card)
    return described


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    names = (
        "decision_id", "instance_id", "at", "workflow", "version", "model", "model_version", "model_sha256", "covers",
        "certificate", "certificate_sha256", "input_hash", "route",
    )  # fmt: skip
    return {
        **{name: record[name] for name in names},
        "score": score_of(record),
        **{f"threshold.{name}": value for name, value in record["thresholds"].items()},
        "held": " ".join(dict.fromkeys(held["why"] for held in record["held"])),
        **{f"input.{name}": value if _plain(value) else json.dumps(value) for name, value in record["input"].items()},
    }


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _beside(beside: dict[str, Any] | None) -> str | None:
    """What the other of champion and challenger says."""
    if beside is None:
        return None
    role = "challenger" if beside["challenger"] else "champion"
    return f"{role} {beside['model_version']}: {beside['route']}, {beside['score']}"


def _one(decision: str) -> dict[str, Any]:
    if not decision.strip("/"):
        raise UsageError("decision: empty. Give the id of one, as exlify decisions lists them.")
    found: dict[str, Any] = connect().get(f"/v1/decisions/{quote(decision)}")
    return found


def _every(client: Client, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return client.every("/v1/decisions", "decisions", limit=PAGE, **query)
