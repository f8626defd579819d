"""Reading the arguments of `call: http`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from connectors.http import DECLARATION, EFFECTS, HTTP
from connectors.http.connector import HttpConnector
from connectors.http.request import KEY_HEADER, MAX_KEY_LENGTH, Request, key_header
from connectors.hub.connections import Connections
from connectors.hub.contract import HubCall, Plan, Refused
from connectors.hub.operations import bound
from connectors.hub.policy import Policy
from schemas.functions import EffectClass
from schemas.reasons import Reason
from tests.unit.connectors import corpus_requests as corpus

GET: dict[str, Any] = {"method": "get", "endpoint": "http://host/path"}


SITE = {"erp": "https://erp.example/api/", "ledger": "sqlite:///ledger"}


def a_plan(
    site: Mapping[str, str] = SITE, key: str = "k", effect: EffectClass | None = None, **arguments: Any
) -> Plan[Request]:
    call = HubCall(function="http", arguments={**GET, **arguments}, key=key, effect=effect)
    return bound(DECLARATION, HttpConnector(Connections(site), Policy()))["http"].plan(call)


def a_request(
    site: Mapping[str, str] = SITE, key: str = "k", effect: EffectClass | None = None, **arguments: Any
) -> Request:
    return a_plan(site, key, effect, **arguments).request


def test_query_is_added_to_that_of_the_uri() -> None:
    made = a_request(endpoint="http://host/path?a=1", query={"b": [2, True], "c": "\u00fc &"})
    assert str(made.url) == "http://host/path?a=1&b=2&b=true&c=%C3%BC+%26"


def test_named_connection_keeps_its_base_path() -> None:
    assert str(a_request(endpoint="connection://ERP/accounts?x=1").url) == "https://erp.example/api/accounts?x=1"


def test_body_is_json_unless_said_otherwise() -> None:
    made = a_request(method="POST", body={"a": 1})
    assert (made.body, made.headers["content-type"]) == (b'{"a":1}', "application/json")


def test_given_key_header_is_left_alone() -> None:
    made = a_request(method="POST", headers={"idempotency-key": "mine"})
    assert made.headers.getall(KEY_HEADER) == ["mine"]


def test_declared_reading_post_carries_no_key() -> None:
    assert KEY_HEADER not in a_request(method="POST", effect=EffectClass.READ).headers


@pytest.mark.parametrize(
    ("method", "carries"), [("GET", False), ("HEAD", False), ("PUT", True), ("DELETE", True), ("POST", True)]
)
def test_requests_with_an_effect_carry_the_key(method: str, carries: bool) -> None:
    assert (KEY_HEADER in a_request(method=method).headers) is carries


def test_effect_follows_the_method_unless_the_definition_says() -> None:
    effects = {method: a_plan(method=method).effect for method in EFFECTS}
    assert effects == {
        **dict.fromkeys(("GET", "HEAD", "OPTIONS"), EffectClass.READ),
        **dict.fromkeys(("PUT", "DELETE"), EffectClass.IDEMPOTENT),
        **dict.fromkeys(("POST", "PATCH"), EffectClass.BLIND),
    }
    assert a_plan(method="PUT", effect=EffectClass.BLIND).effect is EffectClass.BLIND


@pytest.mark.parametrize("key", ["a/do/0/caf\u00e9/0/0", "x" * 1_000, "a/do/0/x y/0/0"])
def test_key_header_is_printable_and_bounded(key: str) -> None:
    value = key_header(key)
    assert value.isascii() and value.isprintable() and " " not in value
    assert len(value) <= MAX_KEY_LENGTH


@pytest.mark.parametrize(
    "arguments",
    [
        {"method": "TRACE"},
        {"endpoint": "ftp://host/"},
        {"endpoint": "no uri"},
        {"endpoint": "http://user:pw@host/"},
        {"endpoint": "http:///path"},
        {"endpoint": {"uri": "http://host", "authentication": {"digest": {}}}},
        {"endpoint": {"uri": "http://host", "authentication": {"basic": {"username": "a:b", "password": "c"}}}},
        {"endpoint": {"uri": "http://host", "authentication": {}}},
        {"headers": {"a": {"b": 1}}},
        {"headers": {"a": "x\r\ny: z"}},
        {"query": {"a": {}}},
        {"output": "stream"},
        {"unknown": 1},
        {"method": "POST", "body": [1], "headers": {"Content-Type": "application/xml"}},
    ],
)
def test_arguments_out_of_order_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        a_request(**arguments)
    assert refused.value.outcome.reason is Reason.INPUT_INVALID


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            {"method": "TRACE"},
            "http: method is none of GET, HEAD, OPTIONS, PUT, DELETE, POST, PATCH; write method",
        ),
        ({"endpoint": "ftp://jane/"}, "http: endpoint is no http or https address with a host; write endpoint: "),
        ({"endpoint": 7}, "http: endpoint is not an address or an object of uri, authentication; write endpoint: "),
        ({"endpoint": "http://jane:doe@host/"}, "http: endpoint holds credentials; name a connection, which holds "),
        (
            {"endpoint": {"uri": "http://host", "authentication": {}}},
            "http: endpoint.authentication is none of basic, ",
        ),
        (
            {"endpoint": {"uri": "http://host", "authentication": {"basic": {"username": "jane"}}}},
            "http: endpoint.authentication.basic.password is missing",
        ),
        (
            {"headers": {"jane": {}}},
            "http: headers has values other than texts, numbers, true and false; write h",
        ),
        ({"body": "jane", "headers": {"content-type": "application/x-www-form-urlencoded"}}, "http: body cannot be "),
    ],
)
def test_refusals_say_place_reason_and_remedy(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(Refused) as refused:
        a_request(**arguments)
    assert refused.value.outcome.detail.startswith(text)
    assert "jane" not in refused.value.outcome.detail


def test_endpoint_may_be_an_object_with_credentials() -> None:
    bearer = a_request(endpoint={"uri": "http://host", "authentication": {"bearer": {"token": "t"}}})
    basic = a_request(endpoint={"uri": "http://host", "authentication": {"basic": {"username": "u", "password": ""}}})
    assert (bearer.headers["Authorization"], basic.headers["Authorization"]) == ("Bearer t", "Basic dTo=")


def test_method_and_output_are_taken_in_any_case() -> None:
    made = a_request(method="pOst", output="RAW")
    assert (made.method, made.output) == ("POST", "raw")


def test_connection_of_another_kind_is_misconfigured() -> None:
    with pytest.raises(Refused) as refused:
        a_request(endpoint="connection://ledger/x")
    assert refused.value.outcome.reason is Reason.MISCONFIGURED


@pytest.mark.parametrize(("given", "sent"), corpus.ADDRESSES.items())
def test_address_goes_out_as_it_is_given(given: str, sent: str) -> None:
    assert str(a_request(endpoint=given).url) == sent


@pytest.mark.parametrize(("given", "query", "sent"), corpus.WITH_QUERY)
def test_query_does_not_rewrite_what_is_given(given: str, query: dict[str, Any], sent: str) -> None:
    assert str(a_request(endpoint=given, query=query).url) == sent


@pytest.mark.parametrize("given", corpus.REFUSED_ADDRESSES)
def test_address_that_moves_or_is_none_is_refused(given: str) -> None:
    with pytest.raises(Refused) as refused:
        a_request(endpoint=given)
    assert refused.value.outcome.reason is Reason.INPUT_INVALID
    assert refused.value.outcome.detail.startswith("http: endpoint ")


@pytest.mark.parametrize(("base", "given", "sent"), corpus.BASES)
def test_base_of_a_connection_is_kept(base: str, given: str, sent: str) -> None:
    assert str(a_request({"erp": base}, endpoint=given).url) == sent


@pytest.mark.parametrize("base", ["https://host/a/../b", "host/path", "https://host:99999", "https://a b/"])
def test_base_that_is_no_address_is_misconfigured(base: str) -> None:
    with pytest.raises(Refused) as refused:
        a_request({"erp": base}, endpoint="connection://erp/x")
    assert refused.value.outcome.reason is Reason.MISCONFIGURED
    assert base not in refused.value.outcome.detail


@pytest.mark.parametrize("headers", corpus.REFUSED_HEADERS, ids=str)
def test_header_that_frames_or_is_none_is_refused(headers: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        a_request(method="POST", body={"a": 1}, headers=headers)
    assert refused.value.outcome.reason is Reason.INPUT_INVALID
    assert all(name not in refused.value.outcome.detail for name in corpus.NO_TOKENS)


@pytest.mark.parametrize("headers", corpus.HEADERS, ids=str)
def test_header_is_sent(headers: dict[str, Any]) -> None:
    made = a_request(headers=headers).headers
    assert {name: made[name] for name in headers} == {name: str(value) for name, value in headers.items()}


def test_refused_header_is_named() -> None:
    with pytest.raises(Refused) as refused:
        a_request(headers={"Content-Length": "3"})
    assert (
        refused.value.outcome.detail == "http: headers hold Content-Length, which is the client's to say; leave it out"
    )


def test_declaration_tells_linters_of_the_headers() -> None:
    headers = next(each for each in HTTP.arguments if each.name == "headers")
    assert "content-length" in headers.refused
    assert all(name == name.lower() for name in headers.refused)


def test_numbers_have_one_form_in_headers_and_queries() -> None:
    made = a_request(headers={"X-Total": 5.0, "X-Rate": 0.5}, query={"total": 5.0, "all": [1, 2.0]})
    assert (made.headers["X-Total"], made.headers["X-Rate"]) == ("5", "0.5")
    assert made.url.raw_query_string == "total=5&all=1&all=2"


def test_token_with_line_ends_is_refused() -> None:
    with pytest.raises(Refused, match="control characters"):
        a_request(endpoint={"uri": "http://host", "authentication": {"bearer": {"token": "t\r\nX: y"}}})
