"""`exlify connections`: what a site knows of outside systems, without its secrets, and whether they can be reached."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import ssl
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.cli import group
from streams.ground.errors import UsageError
from tests.support import certificates, peers


async def cli(folder: Path, *arguments: str, **environ: str) -> Result:
    settings = {"EXLIFY_SITE_DIR": str(folder), "EXLIFY_DATA_DIR": str(folder), "ERP_PASSWORD": "hunter2", **environ}
    return await asyncio.to_thread(CliRunner(env=settings).invoke, group, ["connections", *arguments])


def site(folder: Path, text: str) -> Path:
    (folder / "connections.yaml").write_text(text)
    return folder


SECRET = "erp: {url: 'https://exlify:${env:ERP_PASSWORD}@erp.example.com:8443/t0ken-in-path', rate: 5/s}\n"


@pytest.mark.parametrize("arguments", [("list",), ("list", "--json"), ("show", "ERP"), ("show", "erp", "--json")])
async def test_connection_is_shown_without_its_secrets(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    told = await cli(site(tmp_path, SECRET), *arguments)
    assert (told.exit_code, "https://erp.example.com:8443" in told.output) == (0, True)
    assert not [secret for secret in ("hunter2", "t0ken", "exlify:") if secret in told.output]


async def test_list_says_where_an_address_stands_and_what_is_allowed(tmp_path: Path) -> None:
    folder = site(tmp_path, SECRET + "mail: http://mail.example.com\n")
    told = await cli(folder, "list", "--json", EXLIFY_CONNECTION_MAIL="http://other.example.com")
    erp, mail = json.loads(told.output)["connections"]
    assert (erp["from"], erp["credentials"], erp["per_s"], erp["concurrency"]) == ("connections.yaml", True, 5, 16)
    assert (mail["from"], mail["address"], mail["credentials"]) == ("environment", "http://other.example.com", False)


async def test_unknown_connection_is_refused_with_those_there_are(tmp_path: Path) -> None:
    told = await cli(site(tmp_path, SECRET), "show", "crm")
    assert isinstance(told.exception, UsageError)
    assert "There are: erp" in str(told.exception)


async def test_check_reaches_what_is_there_and_sends_it_nothing(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "db").close()
    async with peers.peer(peers.answers(peers.OK)) as peer:
        folder = site(tmp_path, f"erp: {peer.url}\nledger: sqlite:///{tmp_path / 'db'}\n")
        told = await cli(folder, "check", "--json")
        assert (told.exit_code, peer.connections, peer.count) == (0, 1, 0)
    assert [each["ok"] for each in json.loads(told.output)["connections"]] == [True, True]


async def test_check_trusts_whom_the_connection_trusts(tmp_path: Path) -> None:
    authority = certificates.Authority()
    issued = authority.issue("127.0.0.1")
    (tmp_path / "ca.pem").write_text(authority.pem)
    (tmp_path / "server.pem").write_text(issued.certificate + issued.key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "server.pem")
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        text = f"erp: {{url: '{url}', tls: {{authority: '${{file:ca.pem}}'}}}}\ncrm: {url}\n"
        told = await cli(site(tmp_path, text), "check", "--json")
    found = {each["name"]: each["ok"] for each in json.loads(told.output)["connections"]}
    assert found == {"erp": True, "crm": False}


async def test_check_tells_what_is_not_there(tmp_path: Path) -> None:
    gone = f"erp: http://127.0.0.1:{peers.unused_port()}\nledger: sqlite:///{tmp_path / 'no' / 'db'}\n"
    told = await cli(site(tmp_path, gone), "check", "--json")
    assert (told.exit_code, [each["ok"] for each in json.loads(told.output)["connections"]]) == (1, [False, False])
    only = await cli(tmp_path, "check", "erp", "--json")
    assert [each["reason"] for each in json.loads(only.output)["connections"]] == ["UNREACHED"]
