"""`exlify deliveries`: webhooks that went out, or are on their way; each can be sent once more."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

import click

from streams.cli._actor import acting
from streams.cli._bulk import by_now, conclude, how, print_meant, side_by_side
from streams.cli._client import Client, Refused, connect
from streams.cli._ids import delivery_path
from streams.cli._moments import moment, period, utc_option
from streams.cli._options import together
from streams.cli._output import compact, echo, json_option, print_fields, print_json, print_line, print_page, status
from streams.cli._reason import reason_fields, reason_line
from streams.ground.errors import UsageError

BESIDE = 14  # columns of the names
FAILED = "failed"
DONE = "sent again"
WORDS = {
    "delivered": DONE,
    "begun": DONE,
    "asked": "asked: its step has not begun yet",
    FAILED: "failed again",
}

filters = together(
    click.option("--connection", help="The endpoint: the name of its connection, such as shop-events."),
    click.option("--workflow", help="Name of the workflow that sends it."),
    period("Whose newest try ended"),
)
"""The options that say which are meant."""


@click.group(
    invoke_without_command=True,
    epilog="""\b
Examples:
  exlify deliveries list --connection shop-events
  exlify deliveries list --status failed --since 12h
  exlify deliveries show 8f14e45fceea167a5a36dedd4bea2543/1
  exlify deliveries redeliver 8f14e45fceea167a5a36dedd4bea2543/1 --why "they lost it"
  exlify deliveries redeliver --connection shop-events --since 2026-01-31T08:00:00Z --why "they are back"
""",
)
@json_option
@utc_option
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List, show and send again webhooks that went out to others: `call: webhook.send`.

    They are told from the histories of the instances that have sent them, as long as those are kept.
    """
    if context.invoked_subcommand is None:
        context.invoke(list_deliveries, as_json=as_json, limit=50)


@command.command("list")
@click.option(
    "--status",
    type=click.Choice(["sending", "waiting", "held", "delivered", FAILED, "withdrawn"]),
    help="Where it is: waiting for its next try, held as its endpoint is paused, withdrawn by its instance ...",
)
@filters
@click.option("--instance", "instance_id", help="Those of one instance: its id, or how it begins.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="How many at most.")
@json_option
@utc_option
def list_deliveries(as_json: bool, limit: int, **query: Any) -> None:
    """List deliveries, those of the newest instances first."""
    found = list(islice(connect().every("/v1/deliveries", "deliveries", limit=limit, **query), limit))
    if as_json:
        print_json({"deliveries": found})
        return
    print_page(
        ("DELIVERY", "ENDPOINT", "STATUS", "TRIES", "AT", "NEXT", "WORKFLOW", "STEP", "KEY"),
        (
            (
                each["delivery_id"],
                each["connection"],
                status(each["status"]),
                each["tries"],
                moment(each["at"]),
                moment(each["next"]) if each["next"] else None,
                each["workflow"],
                each["pointer"],
                each["business_key"],
            )
            for each in found
        ),
        None,
        ids=["DELIVERY"],
        spare=["KEY", "STEP", "WORKFLOW"],
        whole=["DELIVERY", "AT", "NEXT"],
        notes=[reason_line(each["error"]) for each in found],
    )


@command.command()
@click.argument("delivery")
@json_option
@utc_option
def show(delivery: str, as_json: bool) -> None:
    """Show DELIVERY with all its tries and what is sent: for people who may see it."""
    client = connect()
    found = client.get(delivery_path(client, delivery))
    if as_json:
        print_json(found)
        return
    print_fields(
        (
            ("delivery", found["delivery_id"]),
            ("endpoint", found["connection"]),
            ("webhook-id", found["message_id"]),
            ("status", status(found["status"])),
            ("next try", moment(found["next"]) if found["next"] else None),
            ("workflow", found["workflow"]),
            ("step", found["pointer"]),
            ("key", found["business_key"]),
            ("incident", found["incident_id"]),
            ("asked", moment(found["asked_at"])),
            *[(f"try {number}", _try(each)) for number, each in enumerate(found["all_tries"], start=1)],
            *reason_fields(found["error"]),
            ("body", compact(found["body"], BESIDE)),
        )
    )


@command.command()
@click.argument("delivery", required=False)
@filters
@how("deliveries")
def redeliver(
    delivery: str | None,
    dry_run: bool,
    rate: float | None,
    why: str | None,
    actor: str | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Send DELIVERY once more, or all that have failed and that the options find.

    It keeps its webhook-id; time and signature are new. Where its step waits for its next try, that begins now; where
    it waits for a decision, it is done again, and its instance goes on. Exit code 1 where not all were sent.
    """
    narrowed = {name: value for name, value in given.items() if value is not None}
    if (delivery is None) == (not narrowed):
        raise UsageError("Name a DELIVERY, or say by --connection, --since or another option which are meant.")
    if not why and not dry_run:
        raise UsageError("--why is missing: say why, in a few words, since it is kept.")
    client = connect()
    if delivery is not None:
        found = iter([client.get(delivery_path(client, delivery))])
    else:
        narrowed.setdefault("until", by_now())
        found = client.every("/v1/deliveries", "deliveries", status=FAILED, **narrowed)
    if dry_run:
        meant = list(found)
        lines = [f"{each['delivery_id']}  {each['connection']}  {each['status']}" for each in meant]
        print_meant({"deliveries": meant}, lines, "delivery", "deliveries", as_json=as_json)
        return
    _one_by_one(client, found, {"why": why, "actor": acting(actor)}, rate, as_json)


def _one_by_one(
    client: Client, found: Iterator[dict[str, Any]], wish: dict[str, Any], rate: float | None, as_json: bool
) -> None:
    counts = Counter[str]()
    name = uuid.uuid4().hex
    for each, (word, detail) in side_by_side(found, rate, lambda each: _redelivered(client, each, wish, name)):
        counts[word] += 1
        if as_json:
            print_line({"delivery_id": each["delivery_id"], "result": word, "detail": detail})
        else:
            echo(f"{each['delivery_id']}  {each['connection']}  {word}" + (f": {detail}" if detail else ""))
    conclude(counts, DONE, "no delivery is meant that has failed", as_json=as_json)


def _redelivered(client: Client, each: dict[str, Any], wish: dict[str, Any], name: str) -> tuple[str, str | None]:
    path = f"/v1/deliveries/{each['delivery_id']}/redeliver"
    try:
        _, told = client.post_json(path, wish, {"Idempotency-Key": name})
    except Refused as refusal:
        return "refused", str(refusal)
    return WORDS[told["result"]], reason_line(told.get("error"))


def _try(each: dict[str, Any]) -> str:
    said = each["code"] or reason_line(each["error"])
    by = f", by {each['actor']}: {each['why']}" if each["actor"] else ""
    return f"{moment(each['at'])}  {each['status']}" + (f": {said}" if said else "") + by
