"""One example of every message, derived from its schema alone: what golden bytes are made of.

The same schema gives the same example for ever, so a golden file needs no second copy of its contents.
"""

from datetime import date
from typing import Any

from schemas.catalogue import Schema
from schemas.payload import wrapped

_PRIMITIVES: dict[str, Any] = {
    "null": None,
    "boolean": True,
    "int": 7,
    "long": 1_700_000_000_000,
    "float": 0.5,
    "double": 0.25,
    "bytes": b'{"sum":12.5,"name":"\xc3\xa9"}',
    "string": "sample é",
}


def sample(schema: Schema) -> dict[str, Any]:
    """An example of the record `schema` with every optional field present and one item in every collection."""
    return wrapped(schema, _value(schema, schema))


def _value(schema: Any, root: Schema) -> Any:
    match schema:
        case [*branches]:
            return _value(next(branch for branch in branches if branch != "null"), root)
        case {"type": "record", "fields": fields}:
            return {field["name"]: _value(field["type"], root) for field in fields}
        case {"type": "array", "items": items}:
            return [_value(items, root)]
        case {"type": "map", "values": values}:
            return {"key": _value(values, root)}
        case {"type": "enum", "symbols": symbols}:
            return symbols[0]
        case {"logicalType": "date"}:
            return date(1990, 1, 31)
        case {"type": name}:
            return _value(name, root)
        case str(name) if name in _PRIMITIVES:
            return _PRIMITIVES[name]
        case name:
            return _value(root["__named_schemas"][name], root)
