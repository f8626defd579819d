"""Any bytes are a body that somebody may answer with: they are read as JSON that can be written, or refused."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.codecs.bodies import CodecError, decode, encode

pytestmark = pytest.mark.fuzz

TYPES = ("application/json", "application/x-www-form-urlencoded", "text/plain", "application/xml", "image/png", "", "x")
CHARSETS = (
    "",
    "utf-8",
    "iso-8859-1",
    "utf-16",
    "utf-16be",
    "utf-32",
    "shift_jis",
    "cp1252",
    "us-ascii",
    "utf-7",
    "idna",
)
content_types = st.one_of(
    st.builds("{}; charset={}".format, st.sampled_from(TYPES), st.sampled_from(CHARSETS)),
    st.sampled_from(TYPES),
    st.text(max_size=30),
)
json_parts = st.sampled_from(
    [
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b'"a"',
        b"1",
        b"-0",
        b"1e400",
        b"9" * 25,
        b".5",
        b"NaN",
        b"null",
        b'"\\ud800"',
        b" ",
    ]
)
form_parts = st.sampled_from([b"a", b"=", b"&", b"+", b"%", b"%41", b"%FF", b"%C3%BC", b"\xc3\xbc", b"\xff", b"\x00"])
marks = st.sampled_from([b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\x00\x00"])
bodies = st.one_of(
    st.binary(max_size=80),
    st.lists(json_parts, max_size=30).map(b"".join),
    st.lists(form_parts, max_size=30).map(b"".join),
    st.text(max_size=40).map(str.encode),
    st.builds(lambda mark, text: mark + text.encode("utf-16-le"), marks, st.text(max_size=20)),
)
scalars = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=8)
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


@given(body=bodies, content_type=content_types)
def test_body_is_read_as_json_or_refused(body: bytes, content_type: str) -> None:
    try:
        orjson.dumps(decode(body, content_type))
    except CodecError as refused:
        assert "\n" not in str(refused)


@given(value=values, content_type=content_types)
def test_value_is_written_or_refused(value: object, content_type: str) -> None:
    try:
        encode(value, content_type)
    except CodecError:
        return


@given(value=values.filter(lambda value: value not in (float("inf"), float("-inf"))))
def test_json_comes_back_whatever_it_is(value: object) -> None:
    for charset in ("utf-8", "utf-16", "utf-32-be"):
        written = encode(value, f"application/json; charset={charset}")
        assert orjson.dumps(decode(written, f"application/json; charset={charset}")) == orjson.dumps(value)


names = st.text(min_size=1, max_size=5)


@given(
    form=st.dictionaries(names, st.text(max_size=8) | st.lists(st.text(max_size=5), min_size=2, max_size=3), max_size=4)
)
def test_form_comes_back(form: dict[str, object]) -> None:
    written = encode(form, "application/x-www-form-urlencoded")
    assert decode(written, "application/x-www-form-urlencoded") == (form or None)
