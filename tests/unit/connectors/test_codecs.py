"""Bodies by media type."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.codecs.bodies import CodecError, decode, encode


@pytest.mark.parametrize(
    ("content_type", "value"),
    [
        ("application/json", {"a": [1, None, "\u00fc"]}),
        ("application/problem+json; charset=utf-8", [1]),
        ("application/xml", {"a": {"@b": "1", "#text": "x"}}),
        ("application/soap+xml; charset=utf-8", {"a": "x"}),
        ("text/plain; charset=iso-8859-1", "\u00fc"),
        ("application/x-www-form-urlencoded", {"a": "1 2", "b": ["3", "4"]}),
    ],
)
def test_value_comes_back_through_its_codec(content_type: str, value: Any) -> None:
    assert decode(encode(value, content_type), content_type) == value


def test_string_stands_for_itself_as_xml() -> None:
    assert encode("<a/>", "application/xml") == b"<a/>"


def test_charset_of_the_header_goes_before_the_documents() -> None:
    assert decode(b"<a>\xfc</a>", "text/xml; charset=iso-8859-1") == {"a": "\u00fc"}


def test_string_is_quoted_as_json() -> None:
    assert encode("x", "application/json") == b'"x"'


def test_empty_body_is_null() -> None:
    assert decode(b"", "application/json") is None


def test_unknown_bytes_come_as_base64() -> None:
    assert decode(b"\xff", "image/png") == "/w=="


@pytest.mark.parametrize(("body", "value"), [(b'{"a":1}', {"a": 1}), (b"plain", "plain")])
def test_body_without_media_type_is_guessed(body: bytes, value: Any) -> None:
    assert decode(body, "") == value


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{", "application/json"),
        (b"<a", "text/xml"),
        (b"\xff", "text/plain"),
        (b"a", "text/plain; charset=nonsense"),
        (b"<a/>", "text/xml; charset=nonsense"),
    ],
)
def test_garbage_is_refused(body: bytes, content_type: str) -> None:
    with pytest.raises(CodecError):
        decode(body, content_type)


@pytest.mark.parametrize(
    ("value", "content_type"),
    [([1], "application/x-www-form-urlencoded"), ({"a": {}}, "application/x-www-form-urlencoded"), ({}, "text/plain")],
)
def test_value_without_a_form_is_refused(value: Any, content_type: str) -> None:
    with pytest.raises(CodecError):
        encode(value, content_type)


def test_refusal_quotes_nothing_of_the_body() -> None:
    with pytest.raises(CodecError) as refused:
        decode(b'{"name": "Jane Doe", }', "application/json")
    assert "Jane" not in str(refused.value)
