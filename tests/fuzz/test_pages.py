"""Whatever a page says of the next: it is asked for below the address of the call, or the page is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orjson import dumps

from connectors.codecs.scalars import CodecError
from connectors.http import HTTP, address, pages
from connectors.http.reply import Reply
from connectors.http.request import read as read_request
from connectors.hub.connections import Connections
from connectors.hub.contract import Asked, HubCall
from schemas.functions import ArgumentError, EffectClass
from schemas.payload import Json

pytestmark = pytest.mark.fuzz

KNOWN = Connections({"shop": "https://shop.example.com/api/v1?key=s3cret"})
ENDPOINTS = ("connection://shop/list", "https://shop.example.com/list?a=1")
texts = st.text(max_size=30) | st.sampled_from(
    [
        "//evil.example/x",
        "https://shop.example.com/api/v1/list?key=s3cret&p=2",
        "/api/v1/%2e%2e/x",
        "?p=2",
        "\x00",
        "#",
        ".a",
    ]
)
links = st.lists(st.builds("<{}>; rel={}".format, texts, st.sampled_from(["next", '"prev next"', "last", '"'])))
json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(texts | st.sampled_from(["a", "n"]), inside),
    max_leaves=6,
)
declared = st.fixed_dictionaries(
    {"by": st.sampled_from(["link", "cursor", "offset", "page"])},
    optional={
        "items": texts | st.sampled_from([".", ".a", ".a[0]"]),
        "next": texts | st.sampled_from([".n", "Link", "X-N"]),
        "parameter": texts | st.sampled_from([".b.c"]),
        "size": json,
        "limit": texts,
        "first": json,
        "at": json,
    },
)


@given(declared, st.sampled_from(ENDPOINTS), links, json)
def test_next_page_is_below_the_call_or_none(
    given: dict[str, Json], endpoint: str, links: list[str], body: Json
) -> None:
    arguments = {"method": "GET", "endpoint": endpoint, "pages": given}
    call = HubCall(function="http", arguments=arguments, key="k")
    try:
        found = pages.read(HTTP.read(arguments)["pages"])
        asked = pages.asking(found, arguments)
        request = read_request(Asked(HTTP, call, asked), EffectClass.READ, KNOWN)
    except (ArgumentError, CodecError):
        return
    assert (request.url.host, request.url.scheme) == ("shop.example.com", "https")
    assert request.named != "shop" or request.url.raw_path.startswith("/api/v1")
    reply = Reply(200, {"link": ", ".join(links), "x-n": str(body)[:40]}, b"")
    try:
        page = pages.page(found, request, reply, body)
    except CodecError as error:
        assert "s3cret" not in str(error)
        return
    dumps(page, option=0) if page["next"] is None else dumps(page["next"])
    assert "s3cret" not in str(page["next"]) or "s3cret" in str(body)
    if found.by == "link" and page["next"] is not None:
        assert address.parse(page["next"]).authority == address.parse(endpoint).authority
        again = pages.read({**given, "at": page["next"]})
        later = read_request(Asked(HTTP, call, pages.asking(again, arguments)), EffectClass.READ, KNOWN)
        assert later.url.host == "shop.example.com"
