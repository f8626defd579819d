"""`exlify connections add`: from an OpenAPI document to a call, by the commands of the guide alone."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from connectors.hub.contract import HubCall
from streams.cli import group
from streams.ground.errors import UsageError
from streams.ground.settings import Settings
from streams.ground.site import Site
from streams.processors.call.connections import Addresses
from streams.processors.call.processor import hub_for
from tests.support import peers

DOCUMENT = """
openapi: 3.0.3
info: {title: Pets, version: '1'}
servers: [{url: 'https://{region}.example.com/v2', variables: {region: {default: eu}}}]
paths:
  /pets/{petId}:
    get:
      operationId: getPet
      parameters: [{name: petId, in: path, required: true, schema: {type: string}}]
      responses: {'200': {description: A pet.}}
  /pets:
    post: {operationId: addPet, requestBody: {required: true, content: {application/json: {}}}}
components:
  securitySchemes:
    key: {type: apiKey, in: header, name: X-Api-Key}
    login: {type: oauth2, flows: {clientCredentials: {tokenUrl: 'https://login.example.com/token', scopes: {}}}}
"""
DEFINITION = """
document: {dsl: 1.0.3, namespace: test, name: pets, version: 1.0.0}
do:
  - look:
      call: openapi
      with: {document: {endpoint: 'connection://pets'}, operationId: getPet, parameters: {petId: '${ .id }'}}
"""


def cli(folder: Path, *arguments: str) -> Result:
    environ = {"EXLIFY_SITE_DIR": str(folder), "EXLIFY_DATA_DIR": str(folder / "data")}
    return CliRunner(env=environ).invoke(group, arguments)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pets.yaml").write_text(DOCUMENT)
    return tmp_path


async def test_document_becomes_a_connection_that_is_called(folder: Path) -> None:
    (folder / "connections.yaml").write_text("# ours\nerp: https://erp.example.com")
    async with peers.peer(peers.answers(peers.OK)) as peer:
        added = await asyncio.to_thread(
            cli, folder, "connections", "add", "pets", str(folder / "pets.yaml"), "--url", peer.url
        )
        assert (added.exit_code, "getPet" in added.output) == (0, True)
        addresses = Addresses(Settings(), Site(folder, {}))
        assert set(addresses.urls()) == {"erp", "pets"}
        arguments = {"document": {"endpoint": "connection://pets"}, "operationId": "getPet", "parameters": {"petId": 7}}
        async with hub_for(Settings(), addresses) as hub:
            assert (await hub.carry_out(HubCall(function="openapi", arguments=arguments, key="k"))).ok
        assert peer.requests[0].startswith(b"GET /pets/7 ")


def test_draft_has_the_address_and_the_ways_in_as_comments(folder: Path) -> None:
    added = cli(folder, "connections", "add", "pets", str(folder / "pets.yaml"), "--operation", "getPet", "--json")
    assert [each["operationId"] for each in json.loads(added.output)["operations"]] == ["getPet"]
    text = (folder / "connections.yaml").read_text()
    assert 'url: "https://eu.example.com/v2"' in text
    known = Addresses(Settings(), Site(folder, {}))
    assert (list(known.api("pets")), known.identity("pets").credentials) == (["getPet"], None)
    for line in [line for line in text.splitlines() if "# authentication" in line]:
        (folder / "connections.yaml").write_text(text.replace(line, line.replace("# ", "")))
        environ = {"PETS_SECRET": "s", "PETS_CLIENT": "c"}
        assert Addresses(Settings(), Site(folder, environ)).identity("pets").credentials is not None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("Pets!", "pets.yaml"), "is no name"),
        (("erp", "pets.yaml"), "already"),
        (("pets", "pets.yaml", "--operation", "getDog"), "has no operation getDog"),
        (("pets", "pets.yaml", "--url", "ftp://a"), "give it with --url"),
        (("pets", "broken.yaml"), "neither JSON nor YAML"),
        (("pets", "other.yaml"), "no OpenAPI document"),
    ],
)
def test_what_cannot_be_added_leaves_the_site_as_it_was(folder: Path, arguments: tuple[str, ...], says: str) -> None:
    (folder / "connections.yaml").write_text("erp: https://erp.example.com\n")
    (folder / "broken.yaml").write_text("{a: [")
    (folder / "other.yaml").write_text("a: 1")
    before = {file.name for file in folder.glob("*.*")}
    told = cli(folder, "connections", "add", arguments[0], str(folder / arguments[1]), *arguments[2:])
    assert isinstance(told.exception, UsageError)
    assert says in str(told.exception)
    assert {file.name for file in folder.glob("*.*")} == before
    assert (folder / "connections.yaml").read_text() == "erp: https://erp.example.com\n"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("", ""), None),
        (("getPet", "getPets"), "did you mean `getPet`?"),
        (("petId:", "pet:"), "needs the parameter `petId`"),
        (("connection://pets", "https://pets.example.com/openapi.json"), "a document is that of a connection"),
        (("operationId: getPet, parameters: {petId: '${ .id }'}", "operationId: addPet"), "needs a body"),
        (("operationId: getPet,", "operationId: getPet, body: {},"), "takes no body"),
        (("connection://pets", "connection://elsewhere"), None),
    ],
)
def test_definition_is_held_against_the_document(folder: Path, change: tuple[str, str], says: str | None) -> None:
    assert cli(folder, "connections", "add", "pets", str(folder / "pets.yaml")).exit_code == 0
    (folder / "workflow.yaml").write_text(DEFINITION.replace(*change) if change[0] else DEFINITION)
    told: Any = cli(folder, "lint", str(folder / "workflow.yaml"))
    assert (told.exit_code != 0, says is None or says in told.output) == (says is not None, True), told.output
