"""`exlify outcomes`: how instances of a workflow ended, from its outcome topic."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from schemas.cloudevents import parse_time_ms
from schemas.lifecycle import TERMINAL
from schemas.messages import INSTANCE_OUTCOME
from schemas.recordheaders import headers_of
from schemas.typed import is_outcome, shown_output
from schemas.wire import UndecodableRecord
from streams.cli._client import codec, with_kafka
from streams.cli._moments import PAST, moment, utc_option
from streams.cli._output import compact, echo, print_line, status
from streams.cli._reason import reason_line
from streams.ground.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message

    from schemas.codec import Codec
    from streams.ground.settings import Settings

POLL_S = 0.5
MOST_TOLD = 5
STATUSES = sorted(status.value for status in TERMINAL)
HELD = 2_000  # records of a partition that wait for those of the others
ASK_S = 10.0
REMEMBERED = (
    100_000  # ids of outcomes, to recognise one that stands on the topic twice; copies stand close to each other
)


@click.command(
    epilog="""\b
Examples:
  exlify outcomes customer-onboarding
  exlify outcomes customer-onboarding --follow --new
  exlify outcomes customer-onboarding --since 1d --status faulted
  exlify outcomes customer-onboarding --where '.output.decision == "on-hold"'
  exlify outcomes customer-onboarding --json | jq -c .output
"""
)
@click.argument("workflow")
@click.option("--follow", is_flag=True, help="Go on with outcomes as they appear, until Ctrl-C.")
@click.option("--new", is_flag=True, help="Leave out what is there already; useful with --follow.")
@click.option("--since", type=PAST, help="Those since 12h, 7d, or a time such as 2026-01-31T12:00:00Z.")
@click.option("--status", "statuses", type=click.Choice(STATUSES), multiple=True, help="How they ended; repeatable.")
@click.option("--where", help="A jq expression over what --json prints, such as '.output.amount > 100'.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON Lines: one outcome on each line.")
@utc_option
def command(
    workflow: str,
    follow: bool,
    new: bool,
    since: str | None,
    statuses: Sequence[str],
    where: str | None,
    as_json: bool,
) -> None:
    """Show how instances of WORKFLOW ended, one line each, each once, in the order of time."""
    if since and new:
        raise UsageError("--since and --new each say where to begin; give one of them")
    since_ms = parse_time_ms(since) if since else None
    condition = _condition(where) if where is not None else None
    settings = with_kafka()
    known = asyncio.run(codec(settings))
    seen: OrderedDict[str, None] = OrderedDict()
    for message in _messages(settings, workflow, follow, new, since_ms):
        ce_id = _header(message, "ce_id")
        if ce_id and ce_id in seen:
            continue
        seen[ce_id] = None
        if len(seen) > REMEMBERED:
            seen.popitem(last=False)
        try:
            outcome = _readable(known, message)
        except UndecodableRecord as error:
            place = f"{message.topic()}[{message.partition()}] at offset {message.offset()}"
            echo(f"! left out, as it cannot be read: the record of {place} ({error.reason})", err=True)
        else:
            if (not statuses or outcome["status"] in statuses) and (condition is None or condition(outcome)):
                _print(outcome, as_json)


def _condition(where: str) -> Callable[[dict[str, Any]], bool]:
    """Whether an expression holds of an outcome; of one that it cannot be asked of, it does not, which is told once.

    Raises UsageError.
    """
    from streams.language.expressions import Condition, ExpressionError, expression
    from streams.language.jq.program import ProgramError

    try:
        asked = Condition(expression(where))
    except ProgramError as error:
        raise UsageError(f"--where: {error}") from None
    told: set[str] = set()

    def holds(outcome: dict[str, Any]) -> bool:
        try:
            return asked.evaluate(outcome, {})
        except ExpressionError as error:
            if str(error) not in told and len(told) < MOST_TOLD:
                told.add(str(error))
                echo(f"! left out, as --where cannot be asked of it: {outcome['instance_id']} ({error})", err=True)
            return False

    return holds


def _messages(
    settings: Settings, workflow: str, follow: bool, new: bool, since_ms: int | None = None
) -> Iterator[Message]:
    """Records of the outcome topic, all of those that are there by time and with `follow` those to come."""
    from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaException, TopicPartition

    from streams.definitions import outcome_topic
    from streams.ground.kafka import client_config

    topic = outcome_topic(workflow).name
    own = {"group.id": f"{settings.group_prefix}-outcomes", "enable.auto.commit": False, "enable.partition.eof": True}
    consumer = Consumer(client_config(settings) | own)
    try:
        try:
            found = consumer.list_topics(topic, timeout=ASK_S).topics[topic]
        except KafkaException:
            raise UnavailableError(f"Kafka at {settings.bootstrap} does not answer. Is it running?") from None
        if found.error is not None:
            raise UsageError(f"no outcomes of {workflow!r}: no such workflow is deployed (topic {topic})")
        start = (OFFSET_END if new else OFFSET_BEGINNING) if since_ms is None else since_ms
        places = [TopicPartition(topic, number, start) for number in found.partitions]
        consumer.assign(places if since_ms is None else consumer.offsets_for_times(places, timeout=ASK_S))
        yield from _by_time(consumer, topic, set(found.partitions))
        while follow:
            message = consumer.poll(POLL_S)
            if message is not None and message.error() is None:
                yield message
    finally:
        consumer.close()


def _by_time(consumer: Consumer, topic: str, unread: set[int]) -> Iterator[Message]:
    """What the partitions hold, merged by time; one that runs ahead of the others is paused, so that memory is bounded.

    Within a partition the order is that of the log.
    """
    from confluent_kafka import KafkaError, TopicPartition

    held: dict[int, deque[Message]] = {number: deque() for number in unread}
    paused: set[int] = set()
    while unread or any(held.values()):
        while all(held[number] for number in unread) and any(held.values()):
            number = min((number for number in held if held[number]), key=lambda each: held[each][0].timestamp()[1])
            yield held[number].popleft()
            if number in paused and not held[number]:
                consumer.resume([TopicPartition(topic, number)])
                paused.discard(number)
        message = consumer.poll(POLL_S) if unread else None
        if message is None:
            continue
        number, error = message.partition() or 0, message.error()
        if error is None:
            held[number].append(message)
            if len(held[number]) >= HELD and number not in paused:
                consumer.pause([TopicPartition(topic, number)])
                paused.add(number)
        elif error.code() == KafkaError._PARTITION_EOF:
            unread.discard(number)


def _header(message: Message, name: str) -> str:
    headers: list[tuple[str, bytes]] = list(headers_of(message))
    return next(((value or b"").decode(errors="replace") for key, value in headers if key == name), "")


def _readable(codec: Codec, message: Message) -> dict[str, Any]:
    import json

    from schemas.registry import RegistryError
    from streams.readmodel import presentation

    value = message.value() or b""
    try:
        name, outcome = asyncio.run(codec.decode_learning(value))
    except RegistryError as error:
        raise UnavailableError(f"an outcome cannot be read now: {error}") from None
    if not is_outcome(name):
        raise UndecodableRecord(f"it is no outcome but a {name}")
    if name != INSTANCE_OUTCOME:
        outcome = {**outcome, "output": shown_output(codec.writer_of(value), outcome["output"])}
    readable: dict[str, Any] = json.loads(presentation.dumps(presentation.message(outcome)))
    return readable


def _print(outcome: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_line(outcome)
        return
    at = f"{moment(outcome['ended_at'])}  {outcome['instance_id']}  "
    key = f"  {outcome['business_key'] or '-'}  "
    taken = len(at) + len(outcome["status"]) + len(key)
    error = outcome["error"]
    echo(at, status(outcome["status"]), key, reason_line(error) if error else compact(outcome["output"], taken))
    for word in ("undone", "standing"):
        if outcome.get(word):
            echo(f"    {word}: {', '.join(outcome[word])}")
