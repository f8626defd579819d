"""Workflows that ask for more than there is, and the data that makes them do it. To add one, add an entry.

Each has to end by itself, as faulted or completed, in bounded time and memory. `PEER` stands for the address of a
server that answers with XML that is dear to read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

TEAM = "hostile"
PEER = "http://peer"
LONG = "1" * 300_000
CHAIN: dict[str, Any] = {
    "$ref": "#/$defs/a0",
    "$defs": {
        **{f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(28)},
        "a28": {"type": "object"},
    },
}
ENDS = {"onError": "fault"}  # instead of waiting for people
CATASTROPHE = "^([a-zA-Z0-9]+)+@example.org$"


@dataclass(frozen=True)
class Hostile:
    """Tasks, and what may stand beside them in the definition; `data` is what the event brings."""

    tasks: Any
    data: Any = None
    schema: Any = None

    def yaml(self, name: str, peer: str) -> str:
        """The definition."""
        document = {"dsl": "1.0.3", "namespace": TEAM, "name": name, "version": "1.0.0", "metadata": ENDS}
        given = {"input": {"schema": {"document": self.schema}}} if self.schema is not None else {}
        return json.dumps(
            {
                "document": document,
                "schedule": {"on": {"one": {"with": {"type": kind(name)}}}},
                **given,
                "do": self.tasks,
            }
        ).replace(PEER, peer)


def kind(name: str) -> str:
    """The type of the event that starts the workflow."""
    return f"com.example.hostile.{name}"


def _expression(source: str) -> list[dict[str, Any]]:
    return [{"a": {"set": {"x": f"${{ {source} }}"}}}]


def _loop(expression: str) -> list[dict[str, Any]]:
    body = [{"b": {"set": {"x": f"${{ {expression} }}"}}}]
    return [{"a": {"for": {"each": "i", "in": "${ [range(300)] }"}, "do": body}}]


WORKFLOWS = {
    "doubling": Hostile(_loop("[.x, .x]")),
    "nesting": Hostile(_loop("[.x]")),
    "growing": Hostile(_loop("(.x // [range(50000)]) + [range(50000)]")),
    "schema-bomb": Hostile(_expression("1"), {}, CHAIN),
    "schema-unique": Hostile(
        _expression("1"), [{"n": n} for n in range(12_000)], {"type": "array", "uniqueItems": True}
    ),
    "schema-pattern": Hostile(_expression("1"), "a" * 40_000 + "!", {"type": "string", "pattern": CATASTROPHE}),
    "expression-tonumber": Hostile(
        _expression(". as $t | reduce range(100000) as $i (0; $t | try tonumber catch 0)"), LONG
    ),
    "expression-strptime": Hostile(
        _expression('. as $t | reduce range(100000) as $i (0; $t | try strptime("%Y") catch 0)'), LONG
    ),
    "expression-equal": Hostile(_expression(". as $t | [range(100000) | $t == $t]"), LONG),
    "expression-regex": Hostile(_expression(f'test("{CATASTROPHE}")'), "a" * 60_000 + "!"),
    "expression-endless": Hostile(_expression("[limit(100000000; repeat(1))] | length")),
    "expression-text": Hostile(_expression('reduce range(60) as $i ("xy"; . + .)')),
    "answer-in-xml": Hostile([{"a": {"call": "http", "with": {"method": "get", "endpoint": PEER}}}]),
    "cell-too-large": Hostile(
        [
            {
                "a": {
                    "call": "sql.query",
                    "with": {"connection": "compliance", "statement": "SELECT hex(zeroblob(400000000)) AS x"},
                }
            }
        ]
    ),
    "form": Hostile(
        [
            {
                "ask": {
                    "call": "human",
                    "with": {
                        "team": TEAM,
                        "title": "x",
                        "outcomes": ["ok"],
                        "form": {"type": "object", "properties": {"mail": {"type": "string", "pattern": CATASTROPHE}}},
                    },
                }
            }
        ]
    ),
}

DEFINITIONS = {
    "one key, very often": "a: 1\n" * 40_000,
    "very many faults": "do:\n" + "".join(f"- t{n}: {{sat: 1}}\n" for n in range(8_000)),
    "brackets": "[" * 500,
    "brackets that never end": "[" + "a, " * 100_000,
    "a number of many digits": "a: " + "9" * 5_000,
    "half a surrogate pair": r'a: "\ud800"',
    "no float": "a: !!float abc",
    "infinity": "a: -.INF",
    "anchors in anchors": "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40)),
    "a dear expression": Hostile(_expression("map(" * 200 + "." + ")" * 200)).yaml("dear", PEER),
    "a dear schema": Hostile(_expression("1"), schema={"allOf": [{"minimum": 0}] * 60_000}).yaml("dear", PEER),
}
"""What is dear to refuse; each has to be refused."""


def starts(round_: int) -> Iterator[tuple[str, str, Any]]:
    """Name, event id and data of every start of a round."""
    for name, each in WORKFLOWS.items():
        yield name, f"{name}-{round_}", each.data
