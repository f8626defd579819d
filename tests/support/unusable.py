"""Records that a processor cannot use, or can barely: the same for tests of each processor and of a whole site.

To add one, add a line to `ODD`.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

import orjson

from schemas.catalogue import current
from schemas.codec import Codec
from schemas.messages import (
    DECISION,
    GENERIC_EVENT,
    HISTORY_ENTRY,
    HUMAN_ACTION,
    START_INSTANCE,
    STEP_COMMAND,
    STEP_RESULT,
)
from schemas.payload import Payload
from schemas.samples import sample
from tests.support.definitions import load

CODEC = Codec.offline()
INSTANCE = "0123456789abcdef" * 2
OTHER = "fedcba9876543210" * 2
AT_MS = 1_790_000_000_000
YAML = """
document: { dsl: 1.0.3, namespace: test, name: echo, version: 1.0.0 }
schedule: { on: { one: { with: { type: echo.v1 } } } }
do:
  - ask: { call: human, with: { team: a, title: A, outcomes: [done] } }
"""
GRAPH = load(YAML)
EVENT = (("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"test"), ("ce_type", b"echo.v1"))


def deep(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def message(name: str, **fields: Any) -> bytes:
    return CODEC.encode(name, {**sample(current()[name]), "instance_id": INSTANCE, **fields})


def event(data: bytes) -> bytes:
    return CODEC.encode(GENERIC_EVENT, {"data": data})


def started(**fields: Any) -> bytes:
    return message(START_INSTANCE, workflow=GRAPH.name, digest=GRAPH.digest, **fields)


def asked(arguments: bytes, **fields: Any) -> bytes:
    return message(STEP_COMMAND, arguments=Payload.inside(arguments), **fields)


LETTERS = [chr(0x4E00 + n) for n in range(20_000)]
TASK = orjson.dumps({"team": "a", "title": "A", "outcomes": ["ok"]})
GOOD = {
    "intake": event(b"{}"),
    "orchestrate": started(),
    "decide": asked(b"{}"),
    "human": asked(TASK),
    "rolling": asked(orjson.dumps({"of": "a", "id": "1", "keys": {"card": "c"}}), function="track"),
    "view": message(HISTORY_ENTRY),
}
EVERY_KIND = {name: CODEC.encode(name, sample(schema)) for name, schema in current().items()}
ODD: Mapping[str, bytes | None] = {
    "nothing": None,
    "deep event": event(deep(300)),
    "huge number": event(b"1" * 400),
    "no Unicode": event(rb'"\ud800"'),
    "large event": event(b'"' + b"x" * 2_050_000 + b'"'),
    "arguments that are no JSON": asked(b"not json", instance_id=OTHER),
    "sealed arguments": asked(b"\1sealed"),
    "no arguments": asked(b""),
    "deep arguments": asked(deep(254)),
    "a deep task": asked(
        orjson.dumps({**orjson.loads(TASK), "input": "?"}).replace(b'"?"', deep(300)), instance_id=OTHER
    ),
    "no instance": asked(TASK, instance_id=""),
    "a path for an instance": asked(TASK, instance_id="../../x", pointer=""),
    "a key of the runtime": started().replace(INSTANCE.encode(), b"\0position".ljust(32, b"\0")),
    "an instance at the end of time": started(time_ms=2**63 - 1),
    "a start without data": started(data=Payload.inside(b"")),
    "a start with deep data": started(data=Payload.inside(deep(900))),
    "an unknown digest": message(START_INSTANCE, instance_id=OTHER, digest="f" * 64),
    "a result that is no JSON": message(STEP_RESULT, output=Payload.inside(b"nope")),
    "an answer to no task": message(HUMAN_ACTION, task_id="", action_id=""),
    "no number": message(DECISION, score=float("nan")),
    "infinity": message(DECISION, score=float("inf")),
    "a character that no column takes": message(HISTORY_ENTRY, instance_id="a\0b", business_key="\0"),
    "a long id": message(HISTORY_ENTRY, instance_id="x" * 100_000),
    "a long key": message(HISTORY_ENTRY, instance_id=OTHER, business_key="".join(Random(1).choices(LETTERS, k=9_000))),
    "a time that no calendar has": message(HISTORY_ENTRY, at_ms=-(2**63)),
}
UNDECODABLE = (b"\0\0\0\xff\xffzzz", b"\0\0\0\0\1", b"", b"\0" * 40, b"plain text", b"\xff" * 9)
"""Bytes of somebody else's registry, of none, and of a schema that is known here and does not fit."""
