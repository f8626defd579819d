"""`exlify outcomes`: how instances of a workflow ended, from its outcome topic."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from streams.cli._client import with_kafka
from streams.cli._output import compact, echo, json_option, moment, print_line, status
from streams.ground.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from confluent_kafka import Message

    from schemas.codec import Codec
    from streams.ground.settings import Settings

POLL_S = 0.5
ASK_S = 10.0
REMEMBERED = (
    100_000  # ids of outcomes, to recognise one that stands on the topic twice; copies stand close to each other
)


@click.command(
    epilog="""\b
Examples:
  exlify outcomes customer-onboarding
  exlify outcomes customer-onboarding --follow --new
  exlify outcomes customer-onboarding --json | jq -c .output
"""
)
@click.argument("workflow")
@click.option("--follow", is_flag=True, help="Go on with outcomes as they appear, until Ctrl-C.")
@click.option("--new", is_flag=True, help="Leave out what is there already; useful with --follow.")
@json_option
def command(workflow: str, follow: bool, new: bool, as_json: bool) -> None:
    """Show how instances of WORKFLOW ended, one line each, each once."""
    from streams.ground.codec import open_codec

    settings = with_kafka()
    codec = asyncio.run(open_codec(settings))
    seen: OrderedDict[str, None] = OrderedDict()
    for message in _messages(settings, workflow, follow, new):
        ce_id = _header(message, "ce_id")
        if ce_id in seen:
            continue
        seen[ce_id] = None
        if len(seen) > REMEMBERED:
            seen.popitem(last=False)
        _print(_readable(codec, message), as_json)


def _messages(settings: Settings, workflow: str, follow: bool, new: bool) -> Iterator[Message]:
    """Records of the outcome topic, all of those that are there and with `follow` those to come."""
    from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition

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
        start = OFFSET_END if new else OFFSET_BEGINNING
        unread = set(found.partitions)
        consumer.assign([TopicPartition(topic, number, start) for number in unread])
        while follow or unread:
            message = consumer.poll(POLL_S)
            if message is None:
                continue
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                unread.discard(message.partition())
    finally:
        consumer.close()


def _header(message: Message, name: str) -> str:
    headers: list[tuple[str, bytes]] = list(message.headers() or ())  # type: ignore[arg-type]  # a list for what is read
    return next((value.decode() for key, value in headers if key == name), "")


def _readable(codec: Codec, message: Message) -> dict[str, Any]:
    import json

    from streams.readmodel import presentation

    _, outcome = asyncio.run(codec.decode_learning(message.value() or b""))
    readable: dict[str, Any] = json.loads(presentation.dumps(presentation.message(outcome)))
    return readable


def _print(outcome: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_line(outcome)
        return
    result = (
        outcome["output"] if outcome["error"] is None else outcome["error"].get("detail") or outcome["error"]["title"]
    )
    named = f"  {outcome['business_key'] or '-'}  {compact(result)}"
    echo(f"{moment(outcome['ended_at'])}  {outcome['instance_id']}  ", status(outcome["status"]), named)
