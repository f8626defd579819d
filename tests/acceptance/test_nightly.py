"""The nightly file, end to end on a running site: each record an instance and XML at the ERP, broken lines to people, a
protocol by mail; every system outside is a real one on loopback."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import ClientSession

from connectors.codecs import xml_mapping
from tests.acceptance.cases import ROOT
from tests.acceptance.site import ASK, Site
from tests.support import mailboxes, peers

pytestmark = [pytest.mark.acceptance, pytest.mark.broker]
EXAMPLE = ROOT / "streams" / "workflows" / "nightly"
COUNT = 12
LINE = "{order:<8}{customer:<20}20261126{article:<10}{pieces:>05}{amount:>10}EUR\n"
CORRECTED = {
    "order": "B-2", "customer": "Zoë Ångström", "ordered": "2026-11-26", "article": "X", "pieces": 3, "amount": "7.00",
    "currency": "EUR",
}  # fmt: skip


def line(number: int) -> str:
    return LINE.format(order=f"A-{number}", customer="Ada & Söhne", article="4711", pieces=number, amount=f"{number}50")


async def test_the_nightly_file_reaches_erp_people_and_mailbox(site: Site, tmp_path: Path) -> None:
    async with (
        ClientSession(site.gateway, timeout=ASK, raise_for_status=True) as http,
        peers.peer(peers.answers(peers.OK)) as erp,
        mailboxes.mailbox() as post,
    ):
        _declare(site.settings.data_dir / "site", tmp_path, erp.url, post.url)
        for name, file in (("steps", "connections.yaml"), (GATEWAY, "files.yaml")):
            await site.until(partial(site.applied, name, file), f"{file} in force")
        await site.deploy((EXAMPLE / "nightly-orders.yaml").read_text())
        written = tmp_path / ".ORDERS.1"
        broken = ["too short\n", LINE.format(order="B-2", customer="", article="", pieces="many", amount="1")]
        written.write_text("".join([*map(line, range(1, COUNT + 1)), *broken]), encoding="iso-8859-15")
        written.rename(tmp_path / "ORDERS.1")

        async def all_booked() -> bool:
            return erp.count >= COUNT

        await site.until(all_booked, "the orders at the ERP")

        async def protocol() -> bool:
            return bool(post.mails)

        await site.until(protocol, "the protocol")
        content = post.mails[0].get_payload(decode=True)
        assert isinstance(content, bytes)
        text = content.decode()
        assert "File: ORDERS.1" in text.splitlines()
        assert f"Records: {COUNT}" in text.splitlines()
        assert "Broken: 2" in text.splitlines()

        async def both_asked() -> bool:
            return len(await _tasks(http)) == 2

        await site.until(both_asked, "both broken lines with people")
        short, many = sorted(await _tasks(http), key=lambda each: str(each["title"]))
        assert (short["title"], many["title"]) == (
            f"Correct record {COUNT + 1} of ORDERS.1", f"Correct record {COUNT + 2} of ORDERS.1"
        )  # fmt: skip
        await _complete(http, short, "dropped", {})
        await _complete(http, many, "corrected", CORRECTED)

        async def corrected_booked() -> bool:
            return erp.count > COUNT

        await site.until(corrected_booked, "the corrected order at the ERP")
        orders = {each["@number"]: each for each in (xml_mapping.read(erp.body(n))["order"] for n in range(erp.count))}
        assert orders.keys() == {*(f"A-{number}" for number in range(1, COUNT + 1)), "B-2"}
        assert erp.count == COUNT + 1
        assert orders["A-3"] == {
            "@xmlns": "urn:example:erp:orders",
            "@number": "A-3",
            "customer": "Ada & Söhne",
            "date": "2026-11-26",
            "line": {"article": "4711", "pieces": "3"},
            "total": {"@currency": "EUR", "#text": "3.50"},
        }
        assert (tmp_path / "archive" / "ORDERS.1").exists()


GATEWAY = "gateway"


def _declare(folder: Path, files: Path, erp: str, post: str) -> None:
    declared = (EXAMPLE / "files.yaml").read_text().replace("/srv/legacy/out", str(files))
    shutil.copytree(EXAMPLE / "mappings", folder / "mappings", dirs_exist_ok=True)
    (folder / "connections.yaml").write_text(f"order-erp: {erp}\norder-post: {post}\n")
    (folder / "files.yaml").write_text(declared + "  settle: 0ms\n  every: 200ms\n")


async def _tasks(http: ClientSession) -> list[dict[str, Any]]:
    async with http.get("/v1/tasks", params={"team": "order-desk"}) as reply:
        found: list[dict[str, Any]] = (await reply.json())["tasks"]
        return [each for each in found if each["status"] == "open"]


async def _complete(http: ClientSession, task: dict[str, Any], outcome: str, data: dict[str, Any]) -> None:
    answer = {"outcome": outcome, "data": data, "actor": "desk"}
    async with http.post(f"/v1/tasks/{quote(task['task_id'])}/complete", json=answer) as reply:
        assert reply.status in (200, 202)
