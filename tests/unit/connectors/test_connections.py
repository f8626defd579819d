"""Addresses by name, also while they change."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from connectors.assembly import standard_hub
from connectors.hub.connections import Connections
from connectors.hub.contract import HubCall, Plan, Refused
from connectors.hub.outcome import CallOutcome
from connectors.hub.pipeline import BeforeSend, Hub, send_at_once
from schemas.reasons import Reason
from tests.support import peers
from tests.support.hubs import CALM


class Site:
    """Addresses that a test changes while the hub runs."""

    def __init__(self, **urls: str) -> None:
        self.urls: Mapping[str, str] = urls

    def __call__(self) -> Mapping[str, str]:
        return self.urls


async def get(hub: Hub, url: str = "connection://erp/x") -> CallOutcome:
    return await hub.carry_out(HubCall(function="http", arguments={"method": "GET", "endpoint": url}, key="k"))


async def query(hub: Hub, statement: str, before_send: BeforeSend = send_at_once) -> CallOutcome:
    arguments = {"connection": "bank", "statement": statement}
    return await hub.carry_out(HubCall(function="sql.query", arguments=arguments, key="k"), before_send)


def database(path: Path) -> str:
    with closing(sqlite3.connect(path)) as made, made:
        made.execute("CREATE TABLE owner AS SELECT ? AS name", (path.stem,))
    return f"sqlite:///{path}"


def is_open(path: Path) -> bool:
    return any(each.path == str(path) for each in psutil.Process().open_files())


@pytest.mark.parametrize("name", ["core-bank", "CORE_BANK", "core.bank"])
def test_spelling_of_a_name_makes_no_difference(name: str) -> None:
    assert Connections({"Core_Bank": "http://bank"}).url(name) == "http://bank"


def test_missing_connection_says_where_to_write_it() -> None:
    with pytest.raises(Refused) as refused:
        Connections({}).url("Core_Bank")
    assert refused.value.outcome.reason is Reason.MISCONFIGURED
    assert refused.value.outcome.detail == (
        "connection core-bank has no address; "
        "add it to connections.yaml in the site folder, or set EXLIFY_CONNECTION_CORE_BANK"
    )


@pytest.mark.parametrize("name", ["", "Jane Doe", "a/b", "-", "x" * 65])
def test_what_is_no_name_is_refused_and_not_quoted(name: str) -> None:
    with pytest.raises(Refused) as refused:
        Connections({}).url(name)
    assert refused.value.outcome.reason is Reason.INPUT_INVALID
    assert "Jane" not in refused.value.outcome.detail


def test_address_that_is_none_troubles_no_other() -> None:
    connections = Connections({"a": "http://[bad", "b": "http://good"})
    assert connections.url("b") == "http://good"


async def test_next_call_goes_to_the_new_address() -> None:
    site = Site()
    async with (
        peers.peer(peers.answers(peers.OK)) as first,
        peers.peer(peers.answers(peers.OK)) as second,
        standard_hub(site, limits=CALM) as hub,
    ):
        assert (await get(hub)).reason is Reason.MISCONFIGURED
        for peer in (first, second):
            site.urls = {"erp": peer.url}
            assert (await get(hub)).ok
        assert (first.count, second.count) == (1, 1)


async def test_call_under_way_ends_where_it_began() -> None:
    site, go_on = Site(), asyncio.Event()

    async def answers_when_told(writer: asyncio.StreamWriter) -> None:
        await go_on.wait()
        await peers.answers(peers.OK)(writer)

    async with peers.peer(answers_when_told) as peer, standard_hub(site, allow_private=False) as hub:
        site.urls = {"erp": peer.url}
        under_way = asyncio.create_task(get(hub))
        await peer.asked.wait()
        site.urls = {}
        assert (await get(hub)).reason is Reason.MISCONFIGURED
        go_on.set()
        assert (await under_way).ok


@pytest.mark.parametrize("strict", [{"allow_private": False}, {"allow_hosts": ["api.example.com"]}])
async def test_connection_is_trusted_and_its_host_is_not(strict: dict[str, Any]) -> None:
    """Neither another port of it, nor its own by an address that the definition gives."""
    async with peers.peer(peers.answers(peers.OK)) as erp, peers.peer(peers.answers(peers.OK)) as neighbour:
        async with standard_hub({"erp": erp.url}, limits=CALM, **strict) as hub:
            assert (await get(hub)).ok
            for url in (neighbour.url, erp.url, f"{erp.url}/x"):
                assert (await get(hub, url)).reason is Reason.POLICY_DENIED
        assert (erp.count, neighbour.connections) == (1, 0)


async def test_database_is_let_go_when_its_address_is_replaced(tmp_path: Path) -> None:
    old, new = tmp_path / "old.sqlite", tmp_path / "new.sqlite"
    site = Site(bank=database(old))
    async with standard_hub(site, limits=CALM) as hub:
        assert (await query(hub, "SELECT name FROM owner")).output["rows"] == [{"name": "old"}]
        assert is_open(old)
        site.urls = {"bank": database(new)}
        assert (await query(hub, "SELECT name FROM owner")).output["rows"] == [{"name": "new"}]
        assert (is_open(old), is_open(new)) == (False, True)
    assert not is_open(new)


async def test_statement_under_way_ends_on_its_database(tmp_path: Path) -> None:
    old, new = tmp_path / "old.sqlite", tmp_path / "new.sqlite"
    site = Site(bank=database(old))

    async with standard_hub(site, limits=CALM) as hub:

        async def another_address_comes(plan: Plan[Any]) -> None:
            site.urls = {"bank": database(new)}
            assert (await query(hub, "SELECT name FROM owner")).output["rows"] == [{"name": "new"}]

        outcome = await query(hub, "SELECT name FROM owner", another_address_comes)
        assert outcome.output["rows"] == [{"name": "old"}]
        assert not is_open(old)
