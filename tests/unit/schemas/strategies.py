"""Random values for any Avro schema, as the codec takes them and as JSON has them."""

import base64
import datetime
from typing import Any

from hypothesis import strategies as st

from schemas.catalogue import Schema
from schemas.payload import wrapped

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_DAYS = st.dates(datetime.date(1, 1, 1), datetime.date(9999, 12, 31))
_PRIMITIVES: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "double": st.floats(allow_nan=False, allow_infinity=False),
    "bytes": st.binary(max_size=200),
    "string": TEXT,
}
_JSON_PRIMITIVES = _PRIMITIVES | {"bytes": st.binary(max_size=20).map(lambda data: base64.b64encode(data).decode())}


def avro_values(schema: Schema) -> st.SearchStrategy[dict[str, Any]]:
    """Records of `schema` as `Codec.encode` takes them and `Codec.decode` gives them."""
    return _values(schema, schema["__named_schemas"], _PRIMITIVES, _DAYS).map(lambda value: wrapped(schema, value))


def json_values(schema: Schema) -> st.SearchStrategy[dict[str, Any]]:
    """Records of `schema` in their JSON form."""
    return _values(schema, schema["__named_schemas"], _JSON_PRIMITIVES, _DAYS.map(datetime.date.isoformat))


def _values(
    schema: Any, named: dict[str, Schema], leaves: dict[str, st.SearchStrategy[Any]], days: st.SearchStrategy[Any]
) -> st.SearchStrategy[Any]:
    match schema:
        case list():
            return st.one_of(*(_values(branch, named, leaves, days) for branch in schema))
        case {"type": "record", "fields": fields}:
            return st.fixed_dictionaries({item["name"]: _values(item["type"], named, leaves, days) for item in fields})
        case {"type": "array", "items": items}:
            return st.lists(_values(items, named, leaves, days), max_size=3)
        case {"type": "map", "values": values}:
            return st.dictionaries(TEXT, _values(values, named, leaves, days), max_size=3)
        case {"type": "int", "logicalType": "date"}:
            return days
        case {"type": name} | str(name) if name in leaves:
            return leaves[name]
        case name:
            return _values(named[name], named, leaves, days)
