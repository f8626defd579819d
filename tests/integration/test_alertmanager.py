"""Alerts at a real Alertmanager: there while they are open, gone once they have ended."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession

from infra.local import ports
from tests.support.alerting import MINUTE, Alerting
from tests.support.waiting import PATIENCE_S

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
CONFIG = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"


@pytest.fixture
async def alertmanager(tmp_path: Path) -> AsyncIterator[str]:
    if PROGRAM is None:
        pytest.skip("Alertmanager is not here; `make peers` installs it")
    (tmp_path / "config.yml").write_text(CONFIG)
    (port,) = ports.new(1)
    arguments = (
        f"--config.file={tmp_path}/config.yml", f"--storage.path={tmp_path}/data", "--cluster.listen-address=",
        f"--web.listen-address=127.0.0.1:{port}",
    )  # fmt: skip
    log = (tmp_path / "log").open("wb")
    process = await asyncio.create_subprocess_exec(PROGRAM, *arguments, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not await _is_ready(url):
                assert process.returncode is None, (tmp_path / "log").read_text()
                await asyncio.sleep(0.05)
        yield url
    finally:
        process.kill()
        await process.wait()
        log.close()


async def _is_ready(url: str) -> bool:
    try:
        async with ClientSession() as http, http.get(f"{url}/-/ready") as reply:
            return reply.status == 200
    except ClientError:
        return False


async def _active(url: str) -> list[dict[str, Any]]:
    async with ClientSession() as http, http.get(f"{url}/api/v2/alerts", params={"active": "true"}) as reply:
        found: list[dict[str, Any]] = await reply.json()
        return found


async def test_an_alert_is_active_there_until_it_has_ended(alertmanager: str, tmp_path: Path) -> None:
    text = f"channels: {{prom: {{alertmanager: '{alertmanager}'}}}}\nladders: {{usual: [{{tell: [prom]}}]}}\n"
    (tmp_path / "channels.yaml").write_text(text)
    ours = Alerting(tmp_path)
    await ours.notify.open()
    try:
        await ours.incident()
        await ours.wait(15 * MINUTE)
        assert [each["status"] for each in ours.alert["notices"]] == ["told"]
        (alert,) = await _active(alertmanager)
        assert alert["labels"]["alertname"] == "ExlifyIncident"
        assert (alert["labels"]["severity"], alert["labels"]["workflow"]) == ("warning", "order")
        assert alert["annotations"]["summary"].startswith("order waits at /do/0/pay")
        await ours.incident("retried")
        assert [each["status"] for each in ours.alert["notices"]] == ["told", "told"]
        assert await _active(alertmanager) == []
    finally:
        await ours.notify.close()
