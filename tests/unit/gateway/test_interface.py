"""What holds for every route: the document, the guard, the probes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from schemas.steps import MAX_DETAIL
from streams.gateway.openapi import document
from streams.gateway.problems import ProblemError
from streams.gateway.server import ROUTES
from streams.gateway.settings import GatewaySettings
from streams.ground.settings import Settings
from tests.support.gateways import AsyncGateway, Gateway

PROBES = {"/metrics", "/livez", "/readyz"}


async def test_document_has_every_route_and_no_other(gateway: Gateway) -> None:
    _, served = await gateway.ask("GET", "/openapi.json")
    documented = {(method.upper(), path) for path, operations in served["paths"].items() for method in operations}
    app = gateway.client.app
    assert app is not None
    routed = {
        (route.method, re.sub(r":[^}]+}", "}", route.resource.canonical))
        for route in app.router.routes()
        if route.resource and route.method != "HEAD" and route.resource.canonical not in PROBES
    }
    assert documented == routed


def test_document_describes_every_path_parameter() -> None:
    for path, operations in document(ROUTES)["paths"].items():
        for operation in operations.values():
            named = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
            assert named == set(re.findall(r"\{(\w+)\}", path))


def test_operations_have_names_of_their_own() -> None:
    names = [route.operation_id for route in ROUTES]
    assert len(names) == len(set(names))


async def test_probes_answer(gateway: Gateway) -> None:
    for path in PROBES:
        async with gateway.client.get(path) as response:
            assert response.status == 200


async def test_gateway_that_is_not_ready_says_so(settings: Settings) -> None:
    async with AsyncGateway(settings, ready=lambda: False) as gateway, gateway.client.get("/readyz") as response:
        assert response.status == 503


async def test_accepted_events_are_counted(gateway: Gateway) -> None:
    await gateway.ask("POST", "/v1/events", data="{", headers={"Content-Type": "application/cloudevents+json"})
    async with gateway.client.get("/metrics") as response:
        assert 'exlify_gateway_events_total{result="400"}' in await response.text()


@pytest.mark.parametrize(("status", "method", "path"), [(404, "GET", "/v2"), (405, "DELETE", "/v1/instances")])
async def test_unknown_calls_get_problems(gateway: Gateway, status: int, method: str, path: str) -> None:
    async with gateway.client.request(method, path) as response:
        assert (response.status, response.content_type) == (status, "application/problem+json")
        assert (await response.json(content_type=None))["status"] == status


def test_detail_of_a_problem_is_bounded_text() -> None:
    body = json.loads(ProblemError(400, "any", "\ud800" + "x" * 10_000).response().body)  # type: ignore[arg-type]
    assert body["detail"].startswith("?x") and len(body["detail"]) == MAX_DETAIL


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8460", "127.0.0.1.evil.example", ""])
async def test_foreign_name_for_this_machine_is_refused(gateway: Gateway, host: str) -> None:
    assert (await gateway.ask("GET", "/v1/instances", headers={"Host": host}))[0] == 421


@pytest.mark.parametrize("host", ["localhost:1", "localhost", "127.0.0.1", "[::1]:80", "10.0.0.7:8460"])
async def test_plain_addresses_are_served(gateway: Gateway, host: str) -> None:
    assert (await gateway.ask("GET", "/v1/instances", headers={"Host": host}))[0] == 200


async def test_token_is_demanded_where_one_is_set(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path).with_(GatewaySettings(token="s3cret"))
    async with AsyncGateway(settings) as gateway:
        for headers in (
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": "Basic s3cret"},
            {"Authorization": "é"},
        ):
            assert (await gateway.ask("GET", "/v1/instances", headers=headers))[0] == 401
        good = {"Authorization": "Bearer s3cret", "Host": "exlify.example"}
        assert (await gateway.ask("GET", "/v1/instances", headers=good))[0] == 200
        for path in PROBES:
            async with gateway.client.get(path) as response:
                assert response.status == 200
        async with gateway.client.head("/livez") as response:
            assert response.status == 200


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/metrics-of-others"), ("GET", "/v1/hooks/applications"), ("GET", "/v1/hooks/a/b")]
)
async def test_only_declared_routes_are_open(tmp_path: Path, method: str, path: str) -> None:
    settings = Settings(data_dir=tmp_path).with_(GatewaySettings(token="s3cret"))
    async with AsyncGateway(settings) as gateway:
        assert (await gateway.ask(method, path))[0] == 401
