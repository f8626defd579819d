"""Operations of OpenAPI documents: read, filled by place and style, called."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.assembly import standard_hub
from connectors.http.openapi import MOST_IN_ALL, MOST_PARAMETERS, ParameterError, cut, fill, read
from connectors.hub.contract import HubCall
from connectors.hub.documents import DocumentError
from connectors.hub.outcome import CallOutcome
from schemas.reasons import Effect, Reason
from tests.support import peers
from tests.support.hubs import CALM

REFERRED = {"name": "limit", "in": "query", "schema": {"type": "integer"}}
PETSTORE: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Pets", "version": "1"},
    "paths": {
        "/pets/{petId}": {
            "parameters": [{"name": "petId", "in": "path", "required": True}],
            "get": {
                "operationId": "getPet",
                "parameters": [
                    {"$ref": "#/components/parameters/limit"},
                    {"name": "tag", "in": "query"},
                    {"name": "X-Trace", "in": "header"},
                ],
            },
            "put": {
                "operationId": "putPet",
                "requestBody": {"required": True, "content": {"application/pdf": {}, "application/xml": {}}},
            },
            "delete": {"summary": "nobody can name it"},
        }
    },
    "components": {"parameters": {"limit": REFERRED}},
}


def one(place: str, **said: Any) -> Any:
    """An operation with the parameter `color` at this place."""
    path = "/a/{color}" if place == "path" else "/a"
    parameter = {"name": "color", "in": place, "required": place == "path", **said}
    document = {"openapi": "3.0.3", "paths": {path: {"get": {"operationId": "op", "parameters": [parameter]}}}}
    return read(document)["op"]


TEXT, LIST, OBJECT = "blue", ["blue", "black", "brown"], {"R": 100, "G": 200, "B": 150}


@pytest.mark.parametrize(
    ("place", "style", "explode", "value", "expected"),
    [  # the table of the specification, 4.8.12.4
        ("path", "matrix", False, TEXT, ";color=blue"),
        ("path", "matrix", False, LIST, ";color=blue,black,brown"),
        ("path", "matrix", False, OBJECT, ";color=R,100,G,200,B,150"),
        ("path", "matrix", True, LIST, ";color=blue;color=black;color=brown"),
        ("path", "matrix", True, OBJECT, ";R=100;G=200;B=150"),
        ("path", "label", False, TEXT, ".blue"),
        ("path", "label", False, LIST, ".blue,black,brown"),
        ("path", "label", True, LIST, ".blue.black.brown"),
        ("path", "label", False, OBJECT, ".R,100,G,200,B,150"),
        ("path", "label", True, OBJECT, ".R=100.G=200.B=150"),
        ("path", "simple", False, LIST, "blue,black,brown"),
        ("path", "simple", False, OBJECT, "R,100,G,200,B,150"),
        ("path", "simple", True, OBJECT, "R=100,G=200,B=150"),
        ("query", "form", False, TEXT, "color=blue"),
        ("query", "form", False, LIST, "color=blue,black,brown"),
        ("query", "form", True, LIST, "color=blue&color=black&color=brown"),
        ("query", "form", False, OBJECT, "color=R,100,G,200,B,150"),
        ("query", "form", True, OBJECT, "R=100&G=200&B=150"),
        ("query", "spaceDelimited", False, LIST, "color=blue%20black%20brown"),
        ("query", "pipeDelimited", False, LIST, "color=blue|black|brown"),
        ("query", "deepObject", True, OBJECT, "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150"),
        ("query", "form", True, "a&b=c/d", "color=a%26b%3Dc%2Fd"),
        ("path", "simple", False, "../admin?x#y", "..%2Fadmin%3Fx%23y"),
    ],
)
def test_parameter_is_written_by_its_style(place: str, style: str, explode: bool, value: Any, expected: str) -> None:
    filled = fill(one(place, style=style, explode=explode), {"color": value})
    assert (filled.path.removeprefix("/a/") if place == "path" else filled.query) == expected


def test_other_places_and_json_in_a_parameter() -> None:
    assert fill(one("header"), {"color": LIST}).headers == {"color": "blue,black,brown"}
    assert fill(one("cookie"), {"color": "a;b"}).headers == {"Cookie": "color=a%3Bb"}
    asked = fill(one("query", content={"application/json": {}}), {"color": {"a": [1]}})
    assert asked.query == "color=%7B%22a%22%3A%5B1%5D%7D"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"openapi": "2.0"}, "no OpenAPI document"),
        ({"paths": {"/a": {"get": {"operationId": "op", "parameters": [{"$ref": "other.yaml#/x"}]}}}}, "bundle it"),
        ({"paths": {"/a": {"$ref": "#/paths/~1a"}}}, "circle"),
        ({"paths": {"/a": {"$ref": "#/nowhere"}}}, "leads nowhere"),
        ({"paths": {"/a/{b}": {"get": {"operationId": "op"}}}}, "those of the path"),
        ({"paths": {"/a": {"get": {"operationId": "op"}, "put": {"operationId": "op"}}}}, "twice"),
        ({"paths": ["/a"]}, "not an object"),
    ],
)
def test_faulty_document_is_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(DocumentError, match=says):
        read(PETSTORE | change)


@pytest.mark.parametrize("given", [{}, {"petId": ""}, {"petId": []}, {"petId": 1, "other": 2}, {"petId": None}])
def test_parameters_that_are_not_those_of_the_operation_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ParameterError):
        fill(read(PETSTORE)["getPet"], given)


def test_cut_document_says_the_same() -> None:
    assert read(json.loads(json.dumps(cut(PETSTORE, read(PETSTORE))))) == read(PETSTORE)


async def call(url: str, operation: str, **more: Any) -> CallOutcome:
    arguments = {"document": {"endpoint": "connection://pets"}, "operationId": operation, **more}
    async with standard_hub({"pets": f"{url}/v2"}, limits=CALM, api_of=lambda _: read(PETSTORE)) as hub:
        return await hub.carry_out(HubCall(function="openapi", arguments=arguments, key="k"))


async def test_operation_is_called_as_its_document_says() -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        asked = {"petId": "a b/c", "limit": 5, "tag": ["x", "y"], "X-Trace": "t1"}
        outcome = await call(peer.url, "getPet", parameters=asked)
        assert (outcome.output, outcome.effect) == ({"ok": True}, Effect.NONE)
        assert peer.requests[0].startswith(b"GET /v2/pets/a%20b%2Fc?limit=5&tag=x&tag=y HTTP/1.1\r\n")
        assert peer.header("X-Trace") == "t1"
        stored = await call(peer.url, "putPet", parameters={"petId": 7}, body={"pet": {"name": "Rex"}})
        assert (stored.effect, peer.header("Content-Type")) == (Effect.DONE, "application/xml")
        assert b"<pet><name>Rex</name></pet>" in peer.body()


@pytest.mark.parametrize(
    ("operation", "more", "says"),
    [
        ("getPets", {}, "did you mean getPet?"),
        ("getPet", {}, "needs the parameter petId"),
        ("putPet", {"parameters": {"petId": 7}}, "body is needed"),
        ("getPet", {"parameters": {"petId": 7}, "body": {}}, "is not taken"),
        ("getPet", {"parameters": {"petId": ".."}}, ". or .. as a segment"),
        ("getPet", {"parameters": {"petId": 7, "X-Trace": "a\r\nHost: evil"}}, "control characters"),
        ("getPet", {"document": {"endpoint": "https://evil.example.com/openapi.json"}}, "is no connection"),
    ],
)
async def test_call_that_is_not_in_order_is_refused_unsent(operation: str, more: dict[str, Any], says: str) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        outcome = await call(peer.url, operation, **more)
        assert (outcome.reason, outcome.effect, peer.count) == (Reason.INPUT_INVALID, Effect.NONE, 0)
    assert says in outcome.detail


async def test_connection_without_a_document_says_where_to_write_it() -> None:
    async with standard_hub({"pets": "http://127.0.0.1:1"}, limits=CALM) as hub:
        arguments = {"document": {"endpoint": "connection://pets"}, "operationId": "getPet"}
        outcome = await hub.carry_out(HubCall(function="openapi", arguments=arguments, key="k"))
    assert outcome.reason is Reason.MISCONFIGURED
    assert "openapi: '${file:PATH}'" in outcome.detail


def _many(paths: int, of_path: int) -> dict[str, Any]:
    parameters = [{"name": f"p{number}", "in": "query"} for number in range(of_path)]
    items = {f"/{number}": {"parameters": parameters, "get": {"operationId": f"o{number}"}} for number in range(paths)}
    return {"openapi": "3.1.0", "paths": items}


def test_parameters_of_a_document_are_bounded_also_where_each_path_has_them() -> None:
    assert len(read(_many(2, MOST_PARAMETERS))) == 2
    with pytest.raises(DocumentError, match="more than 200 parameters"):
        read(_many(1, MOST_PARAMETERS + 1))
    with pytest.raises(DocumentError, match="more than 50000 parameters"):
        read(_many(MOST_IN_ALL // 200 + 1, 200))
