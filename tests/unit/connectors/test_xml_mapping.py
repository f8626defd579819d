"""The mapping between JSON and XML: both ways, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.codecs.xml_mapping import MAX_DEPTH, XmlError, read, write

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,8}", fullmatch=True)
# Everything that XML can carry, with one letter in front so that it is not only white space.
texts = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn")), max_size=12).map(lambda text: "t" + text)
attribute_names = names.map(lambda name: "@" + name)
attributes = st.dictionaries(attribute_names, texts, max_size=2)
some_attributes = st.dictionaries(attribute_names, texts, min_size=1, max_size=2)


def elements(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    repeated = st.lists(children, min_size=2, max_size=3)
    members = st.dictionaries(names, children | repeated, min_size=1, max_size=3)
    nested = st.builds(lambda attributes, members: {**attributes, **members}, attributes, members)
    annotated = st.builds(lambda attributes, text: {**attributes, "#text": text}, some_attributes, texts)
    return nested | annotated


contents = st.recursive(st.none() | texts, elements, max_leaves=12)


@settings(max_examples=150, deadline=None)
@given(name=names, content=contents)
def test_what_is_written_is_read_again(name: str, content: Any) -> None:
    assert read(write({name: content})) == {name: content}


def test_scalars_are_written_as_text() -> None:
    assert read(write({"a": {"b": [1, 2.5, True, False], "c": None}})) == {
        "a": {"b": ["1", "2.5", "true", "false"], "c": None}
    }


def test_namespaces_and_prefixes_are_kept() -> None:
    envelope = {
        "soap:Envelope": {
            "@xmlns:soap": "urn:soap",
            "@xmlns": "urn:default",
            "@soap:role": "x",
            "soap:Body": {"order": {"@xml:lang": "de", "inner": {"@xmlns": "", "plain": "1"}}},
        }
    }
    assert read(write(envelope)) == envelope


def test_comments_and_instructions_are_dropped() -> None:
    assert read(b"<a><!-- c --><?pi x?><b>1</b></a>") == {"a": {"b": "1"}}


def test_white_space_between_elements_is_dropped() -> None:
    assert read(b"<a>\n  <b> x </b>\n</a>") == {"a": {"b": " x "}}


def test_declared_encoding_is_obeyed() -> None:
    assert read("<?xml version='1.0' encoding='iso-8859-1'?><a>\u00fc</a>".encode("latin-1")) == {"a": "\u00fc"}


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<a>",
        b"<a>x<b/>y</a>",
        b'<!DOCTYPE a [<!ENTITY e "boom">]><a>&e;</a>',
        b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>',
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd"><a/>',
        b"<p:a/>",
    ],
)
def test_documents_outside_the_mapping_are_refused(document: bytes) -> None:
    with pytest.raises(XmlError):
        read(document)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "text",
        {},
        {"a": 1, "b": 2},
        {"a": [1, 2]},
        {"a b": 1},
        {"": 1},
        {"a": {"@x": {"y": 1}}},
        {"a": {"#text": [1]}},
        {"a": "\x00"},
        {"p:a": 1},
        {"a": {"@xmlns:p": ""}},
    ],
)
def test_values_outside_the_mapping_are_refused(value: Any) -> None:
    with pytest.raises(XmlError):
        write(value)


def test_nesting_is_bounded_both_ways() -> None:
    deep: Any = "x"
    for _ in range(MAX_DEPTH + 1):
        deep = {"a": deep}
    with pytest.raises(XmlError):
        write(deep)
    with pytest.raises(XmlError):
        read(b"<a>" * (MAX_DEPTH + 1) + b"</a>" * (MAX_DEPTH + 1))
