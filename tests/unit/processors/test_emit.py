"""Emit: a command in, an event and the result out, the same bytes every time."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from schemas.business import EventTypes
from schemas.codec import Codec
from schemas.jsontext import MAX_LEVELS
from schemas.messages import CANCEL_STEP, STEP_COMMAND, STEP_RESULT, TIMER_FIRED
from streams.processors import emit
from streams.processors.emit import DECLARATION
from streams.processors.emit.processor import MAX_EVENT_BYTES, Emit
from streams.processors.orchestrate import INBOX
from streams.runtime.parking import PARKING
from streams.runtime.processor import Message, Output, Record, Row
from tests.support.contexts import context
from tests.support.data import payload

INSTANCE = "0123456789abcdef" * 2
CODEC = Codec.offline()
AT_MS = 1_700_000_000_123


class NoRows:
    """The state of a processor without a table."""

    def get(self, key: bytes) -> Row | None:
        return None


def message(event: Any, name: str = STEP_COMMAND) -> Message:
    command = {
        "instance_id": INSTANCE, "pointer": "/do/0/tell", "iteration": 2, "attempt": 0, "function": "emit",
        "arguments": payload({"event": event}), "deadline_ms": None, "workflow": "order-to-cash", "version": "1.0.0",
        "digest": "d" * 64, "effect": None, "business_key": "A-1",
    }  # fmt: skip
    return Message(Record(emit.DECLARATION.commands.name, 3, 17, AT_MS, INSTANCE.encode(), b""), name, command)


def handled(*messages: Message) -> list[Output]:
    effects = Emit(context(CODEC)).handle(messages, NoRows())
    assert not effects.changes
    return effects.outputs


def result(output: Output) -> dict[str, Any]:
    assert output.topic is INBOX and output.key == INSTANCE.encode()
    name, data = CODEC.decode(output.value or b"")
    assert name == STEP_RESULT
    return data


def test_event_goes_to_the_topic_of_its_type_and_to_the_step() -> None:
    published, answer = handled(message({"type": "com.example.paid.v1", "subject": "A-1", "data": {"sum": 19.99}}))
    attributes, data = EventTypes.load().decode_event(CODEC, published.headers, published.value)
    assert (published.topic.name, published.key) == ("business.event.generic.v1", b"A-1")
    assert data == {"sum": 19.99}
    assert attributes == {
        "specversion": "1.0", "type": "com.example.paid.v1", "subject": "A-1", "source": "/workflows/order-to-cash",
        "id": f"{INSTANCE}/do/0/tell/2/0", "time": "2023-11-14T22:13:20.123Z", "datacontenttype": "application/json",
    }  # fmt: skip
    assert result(answer)["output"].value() == {**attributes, "data": data}


def test_what_the_definition_says_comes_first() -> None:
    given = {
        "type": "a.b",
        "id": "mine",
        "source": "/shop",
        "time": "2026-01-31T08:30:00Z",
        "tenant": "x",
        "subject": None,
    }
    published, _ = handled(message(given))
    attributes, data = EventTypes.load().decode_event(CODEC, published.headers, published.value)
    assert attributes == {name: value for name, value in given.items() if value} | {
        "specversion": "1.0",
        "datacontenttype": "application/json",
    }
    assert data is None and published.key == b"mine"


def test_command_that_comes_again_gives_the_same_bytes() -> None:
    again = message({"type": "a.b", "data": [1, 2]})
    assert handled(again) == handled(again) == handled(again, again)[2:]


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ({"data": 1}, "event type: is required"),
        ({"type": "a.b", "subject": 7}, "event.subject is no text"),
        ({"type": "a.b", "time": "yesterday"}, "event time: must be a time of RFC 3339"),
        ({"type": "a.b", "Loud": "x"}, "event 'Loud': is no attribute name"),
        ({"type": "a.b", "source": "no uri"}, "event source: must be a URI reference"),
        ("text", "emit: event"),
        ({"type": "a.b", "data": "x" * MAX_EVENT_BYTES}, f"larger than {MAX_EVENT_BYTES} bytes"),
        ({"type": "exlify.onboarding.application-submitted.v1", "data": {}}, "emit: event"),
    ],
)
def test_what_is_no_event_fails_the_step_and_goes_nowhere(event: Any, told: str) -> None:
    (letter,) = handled(message(event))
    assert letter.topic == DECLARATION.dead_letters
    problem = CODEC.decode(letter.value or b"")[1]["error"]
    assert told in problem["detail"] and problem["reason"] == "INPUT_INVALID" and problem["effect"] == "none"
    assert "xxxx" not in problem["detail"]


def test_cancel_comes_too_late_and_what_is_no_command_is_parked() -> None:
    (output,) = handled(message({"type": "a.b"}, CANCEL_STEP), message({}, TIMER_FIRED))
    assert output.topic is PARKING


def test_data_is_published_as_deep_as_data_may_be() -> None:
    """The event that the step gives has a level more: the command was parked, as by a bug of ours."""
    data = orjson.loads("[" * MAX_LEVELS + "]" * MAX_LEVELS)
    _, answer = handled(message({"type": "a.b", "data": data}))
    assert result(answer)["output"].value()["data"] == data
    (letter,) = handled(message({"type": "a.b", "data": [data]}))
    assert letter.topic.name == "dead-letter.command.emit.v1"
