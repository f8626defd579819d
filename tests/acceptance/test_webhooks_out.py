"""An endpoint that is gone is left alone, and seen to be; once it is back, one command sends what it has not got."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.acceptance.site import ASK, GATEWAY, Site
from tests.support import peers

pytestmark = [pytest.mark.acceptance, pytest.mark.broker]
EVENT = "acceptance.shipped.v1"
DEFINITION = f"""
document: {{dsl: '1.0.3', namespace: acceptance, name: telling, version: '1.0.0'}}
schedule: {{on: {{one: {{with: {{type: {EVENT}}}}}}}}}
do:
  - tell: {{call: webhook.send, with: {{connection: told-shop, body: {{type: order.shipped, data: '${{ . }}'}}}}}}
"""


async def test_what_a_gone_endpoint_has_not_got_is_sent_once_it_is_back(site: Site) -> None:
    async with (
        peers.peer(peers.status(410), peers.status(200), peers.status(202)) as shop,
        connected(site, shop.url),
        ClientSession(site.gateway, timeout=ASK, raise_for_status=True) as http,
    ):
        await http.post("/v1/definitions", data=DEFINITION, headers={"Content-Type": "application/yaml"})
        headers = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/acceptance", "ce-type": EVENT}
        await http.post("/v1/events", json={"order": "A-17"}, headers=headers)

        async def is_paused() -> bool:
            told = await (await http.get("/v1/systems/told-shop")).json()
            return bool(told["paused"]) and "410" in told["why"]

        async def is_now(status: str) -> bool:
            return [each["status"] for each in await deliveries(http)] == [status]

        await site.until(lambda: is_now("failed"), "a delivery that has failed")
        await site.until(is_paused, "an endpoint that is paused for everybody")
        await http.post("/v1/systems/told-shop/resume", json={"why": "they are back"})
        again = ("deliveries", "redeliver", "--connection", "told-shop", "--why", "they are back", "--json")
        (told,) = await site.command(*again)
        assert told["result"] == "sent again"
        await site.until(lambda: is_now("delivered"), "a delivery that has arrived")
        (delivery,) = await deliveries(http)
        (told,) = await site.command(*again[:2], delivery["delivery_id"], *again[-3:])  # as they have lost it
        assert told["result"] == "sent again"

        async def is_on_record() -> bool:
            return [each["tries"] for each in await deliveries(http)] == [3]

        await site.until(is_on_record, "the redelivery on record")
        shown = await (await http.get(f"/v1/deliveries/{delivery['delivery_id']}")).json()
    assert {shop.header("webhook-id", index) for index in range(3)} == {delivery["message_id"]}
    assert [(each["status"], each["code"]) for each in shown["all_tries"]] == [
        ("failed", None), ("delivered", 200), ("delivered", 202),
    ]  # fmt: skip


@asynccontextmanager
async def connected(site: Site, url: str) -> AsyncIterator[None]:
    """The endpoint is a connection of the site while the context lasts."""
    folder = site.settings.data_dir / "site"
    file = folder / "connections.yaml"
    before = file.read_text() if file.exists() else ""
    (folder / "told-shop").write_text("whsec_" + base64.b64encode(b"the secret of the shop").decode())
    secret = "{webhook: {secret: '${file:told-shop}'}}"
    file.write_text(f"{before}told-shop: {{url: '{url}', authentication: {secret}}}\n")
    for name in ("steps", GATEWAY):
        await site.until(partial(site.applied, name, file.name), f"{file.name} in force")
    try:
        yield
    finally:
        file.write_text(before)
        (folder / "told-shop").unlink()


async def deliveries(http: ClientSession) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await (await http.get("/v1/deliveries?workflow=telling")).json())["deliveries"]
    return found
