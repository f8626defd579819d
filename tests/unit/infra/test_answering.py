"""Servers of this machine are asked themselves, whatever proxy the environment names."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from tests.support import peers

ASKED = {
    "prometheus": "from infra.prometheus.server import is_ready; print(is_ready({url!r}))",
    "registry": "from infra.local.registry import lists_subjects; print(lists_subjects({url!r}))",
    "gateway, workers": "from infra.local.answering import answers; print(answers({url!r}))",
}


@pytest.mark.parametrize("code", ASKED.values(), ids=ASKED)
async def test_server_is_asked_past_a_proxy(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{peers.unused_port()}")
    async with peers.peer(peers.status(200), peers.status(503)) as server:
        for there in (True, False):
            argv = (sys.executable, "-c", code.format(url=server.url))
            asked = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, check=True)
            assert asked.stdout == f"{there}\n"
