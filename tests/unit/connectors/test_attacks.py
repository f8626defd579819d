"""What an attacker who writes the data of a call may try: refused with its reason, and nothing was sent.

Signatures that are stripped or forged and deliveries that are replayed are in `tests/unit/gateway/test_signatures.py`.
"""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from connectors.assembly import standard_hub
from connectors.hub.contract import HubCall
from connectors.hub.outcome import CallOutcome
from schemas.reasons import Effect, Reason
from tests.support import peers
from tests.support.hubs import CALM

INSIDE = (
    "http://127.0.0.1/",
    "http://0x7f000001/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://0.0.0.0/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fe80::1]/",
    "http://[fd00::1]/",
    "http://100.64.0.1/",
    "http://192.0.0.192/",
    "http://localhost/",
)
BOMB = b'<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;&b;">]><a>&c;</a>'


async def ask(connections: dict[str, str], **arguments: Any) -> CallOutcome:
    function = arguments.pop("function", "http")
    async with standard_hub(connections, limits=CALM, allow_private=False) as hub:
        return await hub.carry_out(HubCall(function=function, arguments=arguments, key="k"))


@pytest.mark.parametrize("endpoint", INSIDE)
async def test_request_forged_to_reach_the_inside_is_denied(endpoint: str) -> None:
    outcome = await ask({}, method="post", endpoint=endpoint)
    assert (outcome.reason, outcome.effect) == (Reason.POLICY_DENIED, Effect.NONE)


@pytest.mark.parametrize(
    "endpoint",
    [
        "file:///etc/passwd", "gopher://127.0.0.1/x", "http://erp@evil.example.com/", "http://a b/", "http://a\r\nb/",
        "connection://erp/../admin", "connection://erp/%2e%2e/admin", "connection://erp/a/.%2E/b", "connection://erp/..;x/",
        "connection://../etc", "http://127.1/", "http://2130706433/", "http://0177.0.0.1/",
    ],
)  # fmt: skip
async def test_address_that_leads_elsewhere_is_refused(endpoint: str) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        outcome = await ask({"erp": f"{peer.url}/api"}, method="post", endpoint=endpoint)
        assert (outcome.reason, outcome.effect, peer.count) == (Reason.INPUT_INVALID, Effect.NONE, 0)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Name": "a\r\nX-Admin: 1"}, {"X-Name": "a\n\nGET / HTTP/1.1"}, {"X-Name": "a\x00b"}, {"X\r\nY": "a"},
        {"X:Y": "a"},
        {"Host": "evil.example.com"}, {"content-length": "0"}, {"Transfer-Encoding": "chunked"},
        {"Connection": "upgrade"},
    ],
)  # fmt: skip
async def test_header_that_would_make_another_request_is_refused(headers: dict[str, str]) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        outcome = await ask({"erp": peer.url}, method="post", endpoint="connection://erp/", headers=headers)
        assert (outcome.reason, outcome.effect, peer.count) == (Reason.INPUT_INVALID, Effect.NONE, 0)


@pytest.mark.parametrize("place", ["bearer", "basic"])
async def test_credentials_of_a_definition_cannot_hold_another_header(place: str) -> None:
    held: dict[str, Any] = {"bearer": {"token": "a\r\nX: 1"}, "basic": {"username": "a\r\nX: 1", "password": ""}}
    async with peers.peer(peers.answers(peers.OK)) as peer:
        endpoint = {"uri": "connection://erp/", "authentication": {place: held[place]}}
        await ask({"erp": peer.url}, method="post", endpoint=endpoint)
        assert all(b"\r\nX: 1" not in request for request in peer.requests)


@pytest.mark.parametrize(
    ("kind", "coding", "body", "reason"),
    [
        ("application/json", "gzip", gzip.compress(b" " * 5_000_000), Reason.REPLY_TOO_LARGE),
        ("application/xml", "", BOMB, Reason.CONTRACT_DRIFT),
        ("application/xml", "", b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', Reason.CONTRACT_DRIFT),
        ("application/xml", "", b"<a>" * 200 + b"</a>" * 200, Reason.CONTRACT_DRIFT),
        ("application/json", "", b"[" * 5_000 + b"]" * 5_000, Reason.CONTRACT_DRIFT),
        ("application/json", "gzip", b"no gzip", Reason.CONTRACT_DRIFT),
    ],
)
async def test_answer_that_is_a_bomb_is_not_opened(kind: str, coding: str, body: bytes, reason: Reason) -> None:
    headers = [f"Content-Type: {kind}"] + ([f"Content-Encoding: {coding}"] if coding else [])
    async with peers.peer(peers.status(200, *headers, body=body)) as peer:
        outcome = await ask({"erp": peer.url}, method="get", endpoint="connection://erp/")
    assert (outcome.reason, outcome.effect) == (reason, Effect.NONE)


async def test_redirect_to_the_inside_is_not_followed() -> None:
    async with peers.peer(peers.answers(peers.OK)) as inside:
        async with peers.peer(peers.status(307, f"Location: {inside.url}/")) as outside:
            outcome = await ask({"erp": outside.url}, method="get", endpoint="connection://erp/")
        assert (outcome.reason, inside.count) == (Reason.CONTRACT_DRIFT, 0)


@pytest.mark.parametrize(
    "data",
    ["'; DROP TABLE t; --", "1 OR 1=1", "' UNION SELECT * FROM secret --", "x'); ATTACH 'y' AS z; --", "\\' OR 1"],
)
async def test_data_of_a_statement_stays_data(tmp_path: Path, data: str) -> None:
    with closing(sqlite3.connect(tmp_path / "db")) as file, file:
        file.execute("CREATE TABLE t (a)")
        file.execute("INSERT INTO t VALUES ('kept')")
    url = {"db": f"sqlite:///{tmp_path / 'db'}"}
    asked = {"function": "sql.query", "connection": "db", "parameters": {"a": data}}
    outcome = await ask(url, statement="SELECT a FROM t WHERE a = :a", **asked)
    assert (outcome.reason, outcome.output) == (Reason.OK, {"rows": [], "count": 0})
    for statement in (f"SELECT a FROM t; {data}", "DELETE FROM t", "ATTACH 'y' AS z"):
        refused = await ask(url, function="sql.query", connection="db", statement=statement)
        assert (refused.reason, refused.effect) == (Reason.INPUT_INVALID, Effect.NONE)
    kept = await ask(url, function="sql.query", connection="db", statement="SELECT a FROM t")
    assert kept.output["rows"] == [{"a": "kept"}]
