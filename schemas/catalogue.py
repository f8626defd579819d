"""Today's schemas: reads `avro/*.avsc`, where a record may refer to another one by its full name.

What leaves this module is self-contained: the referred record is written out at its first use, so that a registry, a
frozen release or another program needs nothing beside it.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fastavro.schema import load_schema, parse_schema

from schemas import payload
from schemas.messages import PARTS

_NOTES = frozenset({"doc", "confluent:tags", "ce_type", "topic", payload.ATTRIBUTE})

AVRO_DIR = Path(__file__).parent / "avro"

Schema = dict[str, Any]
"""A record schema, as fastavro parses it."""


@cache
def current() -> Mapping[str, Schema]:
    """Every message of today by full record name, parsed; parts of messages are left out."""
    names = sorted(path.stem for path in AVRO_DIR.glob("*.avsc"))
    return MappingProxyType({name: _load(name) for name in names if name not in PARTS})


def parse(text: str) -> Schema:
    """Parses a self-contained record schema. Raises ValueError where the text is no Avro record."""
    schema = parse_schema(json.loads(text))
    if not isinstance(schema, dict) or schema.get("type") != "record":
        raise ValueError("the schema is not a record")
    return schema


def text(schema: Schema) -> str:
    """The schema as JSON, self-contained, with docs, tags and other attributes, in a stable order."""
    return json.dumps(_plain(schema), indent=2, sort_keys=True, ensure_ascii=False)


def shape(schema: Schema) -> Any:
    """The schema without prose and notes: two schemas of equal shape write and read the same bytes."""
    return _plain(schema, leave_out=_NOTES)


def _load(name: str) -> Schema:
    schema = load_schema(str(AVRO_DIR / f"{name}.avsc"))
    assert isinstance(schema, dict)
    if schema["name"] != name:
        raise ValueError(f"{name}.avsc declares {schema['name']}: a file is named after its record")
    return schema


def _plain(node: Any, leave_out: frozenset[str] = frozenset()) -> Any:
    """`node` without what fastavro notes in it (`__...`) and without the keys in `leave_out`."""
    if isinstance(node, dict):
        kept = {key: value for key, value in node.items() if not key.startswith("__") and key not in leave_out}
        return {key: _plain(value, leave_out) for key, value in kept.items()}
    if isinstance(node, list):
        return [_plain(item, leave_out) for item in node]
    return node
