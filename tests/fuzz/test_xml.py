"""Any text is a document that somebody may answer with; what is read of one can be written, and means the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.codecs.scalars import CodecError
from connectors.codecs.xml_mapping import read, write

pytestmark = pytest.mark.fuzz

PARTS = [
    "<a>", "</a>", "<b/>", "<p:b>", "</p:b>", "<a ", 'xmlns="u"', ' xmlns:p="u"', ' xmlns:q="u"', ' xmlns=""',
    ' p:x="1"', ' x="&lt;"', ">", "/>", "text", " ", "\n", "&amp;", "&#65;", "&#0;", "&e;", "<!-- c -->", "<!--", "-->",
    "<?p i?>", "<?xml version='1.0'?>", "<?xml version='1.0' encoding='utf-16'?>", "<![CDATA[<x>]]>", "<!DOCTYPE a>",
    "<!ENTITY", "\u00fc", "\ufeff", ":", "xml:lang='x'", "]]>", "\x00",
]  # fmt: skip
documents = st.lists(st.sampled_from(PARTS), max_size=25).map("".join) | st.text(max_size=40)
inner = st.lists(st.sampled_from(PARTS), max_size=12).map("".join)
whole = st.builds('<a xmlns:p="u">{}</a>'.format, inner)
charsets = st.sampled_from([None, "utf-8", "utf-16", "iso-8859-1"])


@given(document=documents | whole, charset=charsets)
def test_document_is_read_or_refused(document: str, charset: str | None) -> None:
    try:
        value = read(document.encode(charset or "utf-8", "replace"), charset)
    except CodecError:
        return
    assert read(write(value)) == value


@given(document=st.binary(max_size=60))
def test_bytes_are_read_or_refused(document: bytes) -> None:
    try:
        read(document)
    except CodecError:
        return


ASCII = st.characters(max_codepoint=127)  # the parser knows names of the fourth edition of XML, the writer of the fifth
KEYS = ["a", "p:b", "@x", "@p:y", "@xmlns", "@xmlns:p", "#text", "", "@", "a:b:c", "\u00fc"]
keys = st.sampled_from(KEYS) | st.text(ASCII, max_size=3)
contents = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=6),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(keys, inside, max_size=4),
)


@given(value=st.dictionaries(keys, contents, min_size=1, max_size=1), charset=charsets)
def test_what_is_written_can_be_read(value: dict[str, object], charset: str | None) -> None:
    try:
        document = write(value, charset)
    except CodecError:
        return
    read(document, charset)
