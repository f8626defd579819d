"""An order-to-cash across six systems and two desks, all real, under faults: nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import json
import shutil
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import aiormq
import pytest
from pamqp.commands import Basic

from tests.acceptance import selling
from tests.acceptance.cases import ROOT
from tests.acceptance.site import Site
from tests.support import mailboxes
from tests.support.dovecot import Dovecot
from tests.support.rabbitmq import RabbitMq
from tests.support.sftp import SftpServer

pytestmark = [pytest.mark.acceptance, pytest.mark.broker]
EXAMPLE = ROOT / "streams" / "workflows" / "order-to-cash"
FEW, MANY = 8, 120
OPEN = "SELECT count(*) FROM incidents WHERE workflow IN ('order-to-cash', 'customer-mail') AND status = 'open'"


@pytest.mark.parametrize(
    ("series", "count", "killed"),
    [("A", FEW, ("steps",)), pytest.param("B", MANY, ("steps", "engine", "gateway", "steps"), marks=pytest.mark.crash)],
)
async def test_orders_become_cash(
    site: Site,
    sftp: SftpServer,
    rabbitmq: RabbitMq,
    dovecot: Dovecot,
    tmp_path: Path,
    series: str,
    count: int,
    killed: tuple[str, ...],
) -> None:
    queue = f"billed-{uuid.uuid4().hex[:8]}"
    async with aiormq.connect(rabbitmq.url) as connection:
        await (await connection.channel()).queue_declare(queue, durable=True)
    await asyncio.to_thread(dovecot.empty)
    async with mailboxes.mailbox() as post:
        world = selling.World(post, dovecot, tmp_path, selling.numbers(series, count))
        post.breaks.update(selling.order(each)["mail"] for each in world.orders if selling.is_lost(each))
        async with world.serving():
            folder = site.settings.data_dir / "site"
            _declare(folder, world, sftp, rabbitmq)
            for name, file in (
                ("steps", "connections.yaml"),
                ("gateway", "files.yaml"),
                ("gateway", "hooks.yaml"),
                ("gateway", "messages.yaml"),
            ):
                await site.until(partial(site.applied, name, file), f"{file} in force")
            await site.deploy(*_definitions(queue, version=count))
            async with selling.going_on(selling.desks(site, world)):
                await selling.order_all(site, world)
                await site.until(partial(_halfway, world), "half of the orders at the ERP")
                sftp.stop()
                for each in killed:
                    site.kill(each)
                    await site.ready(each)
                sftp.start()

                await site.until(partial(_all_closed, world), "every order closed")
                await site.quiet()
        world.verify()
        assert len(world.failed) > 3
    for each in ("connections.yaml", "files.yaml", "hooks.yaml", "messages.yaml"):
        (folder / each).unlink()
    site.kill("steps")  # nobody calls these systems any more: a breaker that is open would stay so, and be told of
    await site.ready("steps")
    said = await _said(rabbitmq, queue)
    kept = [each for each in world.orders if not selling.is_refused(each)]
    assert sorted(dict(said).values()) == sorted(kept)
    assert await site.sql(OPEN) == 0


async def _halfway(world: selling.World) -> bool:
    return len(world.erp["orders"]) >= len(world.orders) // 2


async def _all_closed(world: selling.World) -> bool:
    asked = [each for each in world.orders if selling.asks(each) and not selling.is_refused(each)]
    closed = {said["order"] for _, said in world.told}
    return len(closed) == len(world.orders) and len(world.answered) == len(asked)


def _definitions(queue: str, version: int) -> Iterator[str]:
    """The bundled ones, with a queue of this test, and tries again that come soon."""
    for name in ("order-to-cash.yaml", "customer-mail.yaml"):
        text = (EXAMPLE / name).read_text().replace("version: 1.0.0", f"version: 1.0.{version}")
        yield text.replace("PT2S", "PT0.2S").replace("sales-billed", queue)


def _declare(folder: Path, world: selling.World, sftp: SftpServer, rabbitmq: RabbitMq) -> None:
    for each in ("mappings", "templates"):
        shutil.copytree(EXAMPLE / each, folder / each, dirs_exist_ok=True)
    secrets = folder / "secrets"
    secrets.mkdir(exist_ok=True)
    said = {"hook": selling.SECRET, "back": selling.BACK, "shop": selling.TOKEN, "key": sftp.key}
    said |= {"queue": rabbitmq.url, "mailbox": world.mailbox.url}
    for name, text in said.items():
        (secrets / f"sales-{name}").write_text(text)
        (secrets / f"sales-{name}").chmod(0o600)
    (folder / "connections.yaml").write_text(
        f"""
sales-shop: {{url: '{world.url}/api', authentication: {{bearer: {{token: '${{file:secrets/sales-shop}}'}}}}}}
sales-hook: {{url: '{world.url}/hook', authentication: {{webhook: {{secret: '${{file:secrets/sales-back}}'}}}}}}
sales-erp: {world.url}/erp
sales-warehouse:
  url: {sftp.url(world.folder)}
  ssh: {{hostKey: {sftp.host_key}, key: '${{file:secrets/sales-key}}'}}
sales-post: {world.post.url}
sales-mailbox: ${{file:secrets/sales-mailbox}}
sales-queue: ${{file:secrets/sales-queue}}
"""
    )
    files = (EXAMPLE / "files.yaml").read_text().replace("/srv/bank", str(world.folder / "bank"))
    quick = "  settle: 0ms\n  every: 200ms\n"
    (folder / "files.yaml").write_text(files.replace("sales-paid:\n", f"{quick}sales-paid:\n") + quick)
    shutil.copy(EXAMPLE / "messages.yaml", folder)
    hooks = (EXAMPLE / "hooks.yaml").read_text()
    (folder / "hooks.yaml").write_text(hooks.replace("${env:SALES_HOOK}", "${file:secrets/sales-hook}"))


async def _said(server: RabbitMq, queue: str) -> list[tuple[str, str]]:
    """What stands in the queue: the id of each event, and the order that it is about."""
    found = []
    async with aiormq.connect(server.url) as connection:
        channel = await connection.channel()
        while isinstance((got := await channel.basic_get(queue)).delivery, Basic.GetOk):
            event = json.loads(got.body)
            found.append((event["id"], event["data"]["order"]))
    return found
