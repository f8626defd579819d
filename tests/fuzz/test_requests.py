"""Any text may stand as an address or a header: it goes out as it is, or not at all, and never elsewhere."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from connectors.http import REFUSED_HEADERS, address, headers
from schemas.functions import ArgumentError

pytestmark = pytest.mark.fuzz

PARTS = [
    "http://", "https://", "connection://", "host", "[::1]", ":", "80", "@", "/", "..", ".", "%2e", "%2F", "%", "%zz",
    "?", "#", "&", "=", "+", ";", "\\", " ", "\t", "\r\n", "\u00fc", "a", "xn--", "//", "\x00",
]  # fmt: skip
addresses = st.lists(st.sampled_from(PARTS), max_size=12).map("".join) | st.text(max_size=30)
texts = st.text(max_size=12) | st.lists(st.sampled_from(PARTS), max_size=4).map("".join)
SENDABLE = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@/?%-]*")


@given(given_address=addresses | texts.map(lambda rest: f"http://host/{rest}"))
def test_address_goes_out_as_it_is_or_not_at_all(given_address: str) -> None:
    try:
        parsed = address.parse(given_address)
        sent = address.url(address.origin(parsed), parsed.path, parsed.query)
    except address.AddressError as refused:
        assert str(refused)
        return
    assert SENDABLE.fullmatch(sent.raw_path_qs)
    again = URL(str(sent))  # with everything that a client may do on the way
    assert again.host == sent.host and again.port == sent.port
    assert again.path.count("/") == sent.path.count("/")
    assert not set(sent.raw_path.replace("%2e", ".").replace("%2E", ".").split("/")) & {".", ".."}


@given(members=st.dictionaries(texts, texts | st.lists(texts, max_size=3), max_size=4), already=texts)
def test_query_comes_back(members: dict[str, object], already: str) -> None:
    given_query = address.minimal(already.replace("#", ""))
    query = address.joined(given_query, address.query_of(members))
    url = address.url(URL("http://host"), "/", query)
    assert url.raw_query_string == query
    wanted = [(name, each) for name, many in members.items() for each in (many if isinstance(many, list) else [many])]
    assert list(URL.build(query_string=address.query_of(members), encoded=True).query.items()) == wanted


header_names = texts | st.sampled_from([*REFUSED_HEADERS, "X-A", "Host ", "content-Length", "x:y"])


@given(given_headers=st.dictionaries(header_names, texts | st.integers() | st.booleans(), max_size=4))
def test_header_frames_nothing(given_headers: dict[str, object]) -> None:
    try:
        read = headers.read(given_headers)
    except ArgumentError as refused:
        assert "\n" not in str(refused)
        return
    for name, value in read.items():
        assert name.lower() not in REFUSED_HEADERS
        assert re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name)
        assert not re.search(r"[\x00-\x1f\x7f]", value)
