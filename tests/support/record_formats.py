"""A description of each format of records, and values that it can hold."""

from __future__ import annotations

import string

from hypothesis import strategies as st

SCHEMA = {
    "type": "record",
    "name": "Order",
    "fields": [{"name": "id", "type": "string"}, {"name": "amount", "type": ["null", "long"], "default": None}],
}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
XML_TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1, max_size=12).filter(str.strip)
PRINTED = st.text(string.ascii_letters + string.digits + "äöü€", max_size=8)
DECIMALS = st.decimals(-9999, 9999, places=2, allow_nan=False).map(lambda each: format(each + 0, "f"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(TEXTS, inside, max_size=3),
    max_leaves=8,
)
ROWS = st.fixed_dictionaries({"a": TEXTS, "b": TEXTS, "n": st.none() | st.integers(-999, 999), "d": DECIMALS})
COLUMNS = ["a", "b", {"name": "n", "type": "integer"}, {"name": "d", "type": "decimal"}]
PLACES = [
    {"name": "a", "length": 8},
    {"name": "n", "type": "integer", "length": 6, "pad": "0"},
    {"name": "d", "type": "decimal", "scale": 2, "length": 9},
]
CASES = {
    "ndjson": ("ndjson", JSON),
    "json": ("json", JSON),
    "csv": ({"type": "csv", "columns": COLUMNS}, ROWS),
    "csv, dialect": (
        {"type": "csv", "columns": COLUMNS, "header": True, "delimiter": ";", "quote": "'", "lineEnd": "lf"},
        ROWS,
    ),
    "csv, names of the file": ({"type": "csv", "header": True}, st.fixed_dictionaries({"x": TEXTS, "y": TEXTS})),
    "fixed": (
        {"type": "fixed", "fields": PLACES},
        st.fixed_dictionaries({"a": PRINTED, "n": st.none() | st.integers(-999, 999), "d": DECIMALS}),
    ),
    "fixed, without lines": (
        {"type": "fixed", "fields": PLACES, "lines": False, "charset": "cp273"},
        st.fixed_dictionaries({"a": st.text("abcÄÖ09", max_size=8), "n": st.integers(-99, 999), "d": DECIMALS}),
    ),
    "xml": (
        {"type": "xml", "record": "o:order", "root": "o:orders", "namespaces": {"o": "urn:o"}, "lists": ["line"]},
        st.fixed_dictionaries(
            {"@id": TEXTS.filter(lambda each: each.isprintable()), "line": st.lists(XML_TEXTS, min_size=1, max_size=3)},
            optional={"note": XML_TEXTS, "empty": st.none()},
        ),
    ),
    "avro": (
        {"type": "avro", "schema": SCHEMA},
        st.fixed_dictionaries({"id": TEXTS, "amount": st.none() | st.integers(-(2**40), 2**40)}),
    ),
}
