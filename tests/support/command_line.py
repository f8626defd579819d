"""The command line beside a gateway of the tests, in a thread of its own as the gateway runs in the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from streams.cli import group
from tests.support.gateways import Gateway

Cli = Callable[..., Coroutine[Any, Any, Result]]


def beside(gateway: Gateway, folder: Path, *command: str, **environ: str) -> Cli:
    """Runs `exlify COMMAND ARGUMENTS`, with `typed` at the terminal; errors that are expected come back as
    `result.exception`."""
    environ = {
        "EXLIFY_GATEWAY_URL": str(gateway.client.make_url("")), "EXLIFY_DATA_DIR": str(folder), **environ,
    }  # fmt: skip

    async def run(*arguments: str, typed: str = "") -> Result:
        return await asyncio.to_thread(CliRunner(env=environ).invoke, group, [*command, *arguments], input=typed)

    return run
