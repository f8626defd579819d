"""`exlify stress`: a load of real instances, and what became of them."""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from collections.abc import Coroutine
from datetime import UTC, datetime
from itertools import cycle
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote

import click

from streams.cli._behind import in_words, watched
from streams.cli._client import Client, codec, connect, with_kafka
from streams.cli._faults import control_of, faulty, orders
from streams.cli._load import Load
from streams.cli._moments import length
from streams.cli._output import echo, json_option, print_fields, print_json, print_table
from streams.ground.errors import ExlifyError, UnavailableError, UsageError
from streams.ground.spans import span
from streams.processors.orchestrate.ways import WORDS

if TYPE_CHECKING:
    from confluent_kafka import Consumer

    from schemas.codec import Codec
    from streams.ground.settings import Settings

MOST_EVENTS = 1_000_000
MOST_LINES = 10_000
TICK_S = 0.02
ASK_S = 10.0
AT_ONCE = 500
STEPS_OF = 5_000  # instances whose histories are read for the steps
SEEN_S = 30.0  # how long the view is waited for


@click.command(
    epilog="""\b
Examples:
  exlify stress greeting --data '{"name": "Ada", "visits": 5}' --rate 200 --for 60 --yes
  exlify stress customer-onboarding --file applications.jsonl --rate 20 --for 300 --json --yes
"""
)
@click.argument("workflow")
@click.option("--data", help="The data of every event, as JSON.")
@click.option("--file", type=click.File("rb"), help="The mix: one event's data on each line; they are sent in turn.")
@click.option("--type", "event_type", help="Type of the events; needed where the workflow waits for several.")
@click.option("--rate", type=click.FloatRange(0.1, 10_000), default=10.0, show_default=True, help="Events a second.")
@click.option("--for", "seconds", type=click.FloatRange(0.1, 86_400), default=10.0, show_default=True, help="Seconds.")
@click.option(
    "--patience",
    type=click.FloatRange(0, 86_400),
    default=60.0,
    show_default=True,
    help="Seconds to wait for the rest.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="SYSTEM=SHARE",
    help="In the middle third a sample system refuses so many of its requests, such as erp=0.5; repeatable.",
)
@click.option("--control", metavar="URL", help="Where faults are ordered. Default: at the systems of `exlify up`.")
@click.option("--yes", is_flag=True, help="Do not ask whether real instances are meant.")
@json_option
def command(
    workflow: str,
    data: str | None,
    file: BinaryIO | None,
    event_type: str | None,
    rate: float,
    seconds: float,
    patience: float,
    faults: tuple[str, ...],
    control: str | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Start real instances of WORKFLOW at a rate, and tell what became of them.

    Their steps call the systems that are connected: use a test site. Told are throughput, how long it takes from an
    event to its outcome, errors by reason, where the time went by step, whether the rate was kept up with, and before
    which processors most records waited. With faults, also how many instances they held up, and how long it took until
    no more were open than before. Exit code 1 where instances have no outcome in the end.
    """
    if (data is None) == (file is None):
        raise UsageError("stress: give either --data or --file")
    count = round(rate * seconds)
    if not 1 <= count <= MOST_EVENTS:
        raise UsageError(f"stress: that would be {count:,} events; between 1 and {MOST_EVENTS:,} are sent at once")
    bodies = _bodies(data, file)
    client = connect()
    type_ = _type(client, workflow, event_type)
    _ask(workflow, count, yes)
    settings = with_kafka()
    shares = orders(faults)
    where = control_of(settings, control) if shares else ""
    load, since = Load(), datetime.now(UTC).isoformat()
    failing = faulty(where, shares, seconds, load) if shares else None
    took_s = asyncio.run(_run(settings, load, workflow, type_, bodies, count, rate, patience, failing))
    report = {"workflow": workflow, **load.report(rate, took_s), "steps": _steps(client, workflow, since, load)}
    if as_json:
        print_json(report)
    else:
        _print(report)
    if load.open:
        raise click.exceptions.Exit(1)


def _bodies(data: str | None, file: BinaryIO | None) -> list[Any]:
    from schemas.jsontext import NoJsonError, UnfitDataError, parse

    lines = [data.encode()] if data is not None else [line for line in file or () if line.strip()]
    if not lines or len(lines) > MOST_LINES:
        raise UsageError(f"stress: --file has {len(lines):,} lines with data; between 1 and {MOST_LINES:,} are a mix")
    try:
        return [parse(line) for line in lines]
    except (NoJsonError, UnfitDataError) as error:
        raise UsageError(f"stress: the data is no JSON that an event can have: {error}") from None


def _type(client: Client, workflow: str, wanted: str | None) -> str:
    """The type of the events that start the workflow. Raises UsageError."""
    found = [each for each in client.get("/v1/definitions")["definitions"] if each["name"] == workflow]
    if not found:
        raise UsageError(f"no workflow is called {workflow}; `exlify deploy` makes one known")
    types = next((each for each in found if each.get("latest")), found[-1])["event_types"]
    if wanted is not None and wanted in types:
        return wanted
    if wanted is None and len(types) == 1:
        return str(types[0])
    raise UsageError(f"{workflow} is started by {', '.join(types) or 'no event'}; name one with --type")


def _ask(workflow: str, count: int, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"this starts {count:,} real instances of {workflow}; add --yes if they are meant")
    click.confirm(f"Start {count:,} real instances of {workflow}?", abort=True)


async def _run(
    settings: Settings,
    load: Load,
    workflow: str,
    type_: str,
    bodies: list[Any],
    count: int,
    rate: float,
    patience: float,
    failing: Coroutine[Any, Any, None] | None = None,
) -> float:
    """Sends, and reads outcomes meanwhile and afterwards; gives the seconds that the sending took."""
    known = await codec(settings)
    consumer = await asyncio.to_thread(_outcomes, settings, workflow)
    sending = asyncio.create_task(_send(settings, known, load, workflow, type_, bodies, count, rate))
    faults = None if failing is None else asyncio.create_task(failing)
    watching = asyncio.create_task(watched(settings, load))
    try:
        deadline = None
        while deadline is None or (load.open and time.monotonic() < deadline):
            for message in await asyncio.to_thread(consumer.consume, AT_ONCE, TICK_S * 5):
                if message.error() is None:
                    _, outcome = await known.decode_learning(message.value() or b"")
                    load.took(outcome, message.timestamp()[1])
            if sending.done() and deadline is None:
                sending.result()  # raises where it has failed: nobody waits for what was not sent
                deadline = time.monotonic() + patience
        if faults is not None:
            await faults
        return await sending
    finally:
        sending.cancel()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        if faults is not None:
            faults.cancel()
            await asyncio.gather(faults, return_exceptions=True)  # which takes them back
        await asyncio.to_thread(consumer.close)


def _outcomes(settings: Settings, workflow: str) -> Consumer:
    """Reads the outcome topic from now on."""
    from confluent_kafka import Consumer, KafkaException, TopicPartition

    from streams.definitions import outcome_topic
    from streams.ground.kafka import client_config

    topic = outcome_topic(workflow).name
    own = {"group.id": f"{settings.group_prefix}-stress", "enable.auto.commit": False}
    consumer = Consumer(client_config(settings) | own)
    try:
        found = consumer.list_topics(topic, timeout=ASK_S).topics[topic]
        # Where it ends now, said as a number: what is sent next must not come before the end is looked up.
        ends = [
            TopicPartition(topic, number, consumer.get_watermark_offsets(TopicPartition(topic, number), ASK_S)[1])
            for number in found.partitions
        ]
    except KafkaException:
        consumer.close()
        raise UnavailableError(f"Kafka at {settings.bootstrap} does not answer. Is it running?") from None
    consumer.assign(ends)
    return consumer


async def _send(
    settings: Settings,
    known: Codec,
    load: Load,
    workflow: str,
    type_: str,
    bodies: list[Any],
    count: int,
    rate: float,
) -> float:
    """Events at the rate, evenly; what could not be sent in its tick is sent in the next."""
    from schemas import ids
    from schemas.cloudevents import CloudEvent, InvalidEventError
    from streams.cli._listeners import listeners
    from streams.ground.publish import Outgoing, Publisher
    from streams.processors.intake import business_topic

    types = (await listeners(settings, known, type_, True)).types
    source, mix = f"/stress/{uuid.uuid4().hex}", cycle(bodies)
    for number, body in enumerate(bodies, 1):  # before the first is sent
        try:
            attributes = {"specversion": "1.0", "id": str(number), "source": source, "type": type_}
            types.encode_event(known, CloudEvent(attributes, body))
        except InvalidEventError as error:
            raise UsageError(f"stress: data {number} of the mix is no {type_}: {error}") from None
    begun, sent = time.monotonic(), 0
    async with Publisher(settings) as publisher:
        while sent < count:
            due = min(count, int((time.monotonic() - begun) * rate) + 1, sent + AT_ONCE)
            records = []
            for number in range(sent, due):
                attributes = {"specversion": "1.0", "id": str(number), "source": source, "type": type_}
                each = types.encode_event(known, CloudEvent(attributes, next(mix)))
                records.append(Outgoing(business_topic(each.topic), each.key, each.value, each.headers))
                load.sent[ids.instance_id(workflow, source, str(number))] = time.time_ns() // 1_000_000
            await publisher.publish(records)
            sent = due
            await asyncio.sleep(TICK_S)
    return time.monotonic() - begun


def _steps(client: Client, workflow: str, since: str, load: Load) -> list[dict[str, Any]]:
    """Where the time went, once the view has seen what has ended; what it has by then, where that takes long."""
    path, deadline = f"/v1/workflows/{quote(workflow, safe='')}/bottlenecks", time.monotonic() + SEEN_S
    try:
        while client.get(path, since=since, limit=1)["matching"] < len(load.ended) and time.monotonic() < deadline:
            time.sleep(0.2)
        found = client.get(path, since=since, limit=STEPS_OF)
    except ExlifyError as error:
        echo(f"! steps are not known: {error}", err=True)
        return []
    return [{"version": version["version"], **step} for version in found["versions"] for step in version["steps"]]


def _recovery(told: dict[str, Any]) -> str:
    back_ms = told["back_after_ms"]
    back = "not back at the end" if back_ms is None else f"back after {span(back_ms)}"
    open_ = f"{told['open_before']:,} open before, {told['open_at_end']:,} at their end"
    return f"{span(told['faults_ms'])}, {open_}, {back}"


def _print(report: dict[str, Any]) -> None:
    latency = report["latency_ms"]
    statuses = ", ".join(f"{count:,} {status}" for status, count in report["statuses"].items())
    limits, calls = report["limits"], [each for each in report["steps"] if each["tries"]]
    again = sum(each["tries"] - each["times"] - each["open"] for each in calls)
    behind = f"no: {report['open_when_sent']:,} were open when the last was sent"
    print_fields(
        (
            ("sent", f"{report['sent']:,} at {report['rate_sent']} a second ({report['rate_wanted']:g} wanted)"),
            ("ended", f"{report['ended']:,} ({statuses or 'none'})"),
            ("without an outcome", f"{report['open']:,}" if report["open"] else None),
            ("throughput", f"{report['throughput']} a second"),
            (
                "event to outcome",
                ", ".join(f"{name} {span(ms)}" for name, ms in latency.items() if ms is not None) or None,
            ),
            ("kept up", "yes" if report["kept_up"] else behind),
            ("at most", f"{limits['most_a_second']:,} ended in a second, {limits['most_open']:,} were open at once"),
            ("waited most", in_words(report["behind"])),
            ("faults", _recovery(report["recovery"]) if report["recovery"] else None),
            ("tried again", f"{again:,} steps" if again else None),
            *((f"error {reason}", f"{count:,}") for reason, count in report["reasons"].items()),
        )
    )
    steps = [
        (each["name"] or "(between steps)", ", ".join(WORDS[way] for way in each["by"]), f"{each['share']:.1%}",
         each["times"], *(length(each[name]) for name in ("median_ms", "slow_ms")))
        for each in report["steps"]
        if each["took_ms"]
    ]  # fmt: skip
    if steps:
        print_table(("STEP", "GOES TO", "SHARE", "TIMES", "MEDIAN", "95 % WITHIN"), steps)
