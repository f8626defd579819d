"""`exlify replay`: past events processed anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from streams.cli._actor import acting, as_option
from streams.cli._client import connect
from streams.cli._files import text_of
from streams.cli._moments import PAST, TO_COME, utc_option
from streams.cli._output import echo, json_option, print_json
from streams.cli._replays import print_counts, print_dry_run, verified, waited
from streams.ground.errors import UsageError


@click.command(
    epilog="""\b
Examples:
  exlify replay onboarding.application.v1 --since 7d --dry-run
  exlify replay onboarding.application.v1 --model credit-risk@1.2.0 --name new-band --wait
  exlify replay onboarding.application.v1 --definition candidate.yaml --outcome faulted
  exlify replay events.generic.v1 --type com.example.order.placed.v1 --where '.total > 1000'
  exlify replay onboarding.application.v1 --live --definition candidate.yaml --name shadow
  exlify replay --verify --since 1d
  exlify replays show new-band
"""
)
@click.argument("topics", nargs=-1, metavar="TOPIC...")
@click.option("--since", type=PAST, help="Events of this time or later: 2026-01-31T12:00:00Z; or 30m, 12h, 7d ago.")
@click.option("--until", help="Events before this time; with --live, when it ends: a time, or 2h, 7d from now.")
@click.option(
    "--offsets", multiple=True, metavar="PARTITION:FIRST-LAST", help="Records of one topic by place; repeatable."
)
@click.option("--type", "types", multiple=True, help="Only events of this CloudEvents type; repeatable.")
@click.option("--source", "sources", multiple=True, help="Only events of this source; repeatable.")
@click.option("--subject", "subjects", multiple=True, help="Only events about this; repeatable.")
@click.option(
    "--outcome", "outcomes", multiple=True, help="Only events whose first run is so: completed, faulted, none ..."
)
@click.option("--error", help="Only events whose first run failed so: a part of the reason, such as UNREACHED.")
@click.option("--where", metavar="JQ", help="Only events of whose data this is true. No personal data: it is kept.")
@click.option(
    "--definition", metavar="FILE|NAME@VERSION", help="Process with this one. Default: what is deployed last."
)
@click.option("--model", "models", multiple=True, metavar="NAME@VERSION", help="Decide with this one; repeatable.")
@click.option(
    "--effects",
    type=click.Choice(["off", "read", "on"]),
    default="off",
    show_default=True,
    help="off: systems answer from record. read: what only reads is really asked. on: all is really done once more.",
)
@click.option("--yes", is_flag=True, help="With --effects on: do not ask.")
@click.option("--name", help="What it is called. Default: the topic and the time.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="At most so many events a second. Default: 100.")
@click.option("--dry-run", is_flag=True, help="Only count the events, and show some.")
@click.option("--live", is_flag=True, help="A shadow: live events from now on, side by side and without effects.")
@click.option("--wait", is_flag=True, help="Stay until it is over, and print its report.")
@click.option("--verify", is_flag=True, help="Instead: fold recorded inboxes again, and compare byte by byte.")
@click.option("--workflow", help="With --verify: of this workflow. Default: of all.")
@click.option("--instance", help="With --verify: of this instance.")
@click.option("--why", help="Why, in a few words; it is kept, so no personal data.")
@as_option("asks")
@utc_option
@json_option
def command(
    topics: tuple[str, ...],
    definition: str | None,
    offsets: tuple[str, ...],
    yes: bool,
    dry_run: bool,
    wait: bool,
    actor: str | None,
    as_json: bool,
    verify: bool,
    workflow: str | None,
    instance: str | None,
    **given: Any,
) -> None:
    """Process past events of business TOPICs anew, beside the business, and compare with what became of them first.

    Decisions are made anew; what systems and people answered comes from record, where they are asked the same. What
    nothing on record answers stops that instance: the report counts it. Subscribers of outcomes see nothing of it.
    """
    if verify:
        until = None if given["until"] is None else PAST.of("--until", given["until"])
        verified(connect(), instance, {"workflow": workflow, "since": given["since"], "until": until}, as_json)
        return
    if not topics:
        raise UsageError("Name the business topics whose events are meant; `exlify topics` lists them.")
    wish: dict[str, Any] = {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}
    wish = {name: value for name, value in wish.items() if value not in (None, [])}
    wish |= {"topics": list(topics), "actor": acting(actor)}
    if "until" in wish:
        wish["until"] = (TO_COME if wish["live"] else PAST).of("--until", wish["until"])
    if offsets:
        wish["offsets"] = [_offsets(each) for each in offsets]
    if definition is not None:
        wish |= _definition(definition)
    if wish["effects"] == "on" and not dry_run:
        wish["sure"] = yes or click.confirm("Systems are really called, once more for each event. Go on?", abort=True)
    client = connect()
    if dry_run:
        print_dry_run(client.post_json("/v1/replays", {**wish, "dry_run": True})[1], as_json)
        return
    _, told = client.post_json("/v1/replays", wish)
    if wait:
        waited(client, told["name"], as_json)
    elif as_json:
        print_json(told)
    else:
        echo(f"replay {told['name']} begins; look at it with `exlify replays show {told['name']}`")
        if told["status"] is not None:
            print_counts(told)


def _offsets(text: str) -> list[int]:
    place, _, numbers = text.partition(":")
    first, _, last = numbers.partition("-")
    if not (place.isdecimal() and first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
        raise UsageError(f"--offsets {text}: write PARTITION:FIRST-LAST, such as 0:100-199.")
    return [int(place), int(first), int(last) + 1]


def _definition(text: str) -> dict[str, str]:
    """What is sent of `--definition`: the file if there is one, else what it names."""
    file = Path(text)
    if not file.is_file():
        if file.suffix in (".yaml", ".yml"):
            raise UsageError(f"--definition {text}: there is no such file.")
        return {"definition": text}
    return {"yaml": text_of(file)}
