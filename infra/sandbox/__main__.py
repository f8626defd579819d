"""`python -m infra.sandbox`: starts the outside world, says where it is, and ends with its parent.

When all servers answer, one line of JSON with their addresses goes to standard output, and to the port file if one is
named.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.local.ports import LOOPBACK
from infra.sandbox.server import running

WATCH_INTERVAL_S = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs until a signal or the end of the parent process; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.sandbox", description="Sample systems outside, on loopback.")
    parser.add_argument("--data", type=Path, default=Path(".exlify/sandbox"), help="folder of ledgers and database")
    parser.add_argument("--port-file", type=Path, help="where the addresses go, as JSON; default: standard output")
    parser.add_argument("--host", default=LOOPBACK, help="address to listen on")
    options = parser.parse_args(arguments)
    try:
        asyncio.run(_serve(options.data, options.port_file, options.host))
    except OSError as error:
        print(
            f"sandbox: {error.strerror or error}: {error.filename or options.host}. Choose another --data or --host.",
            file=sys.stderr,
        )
        return 1
    return 0


async def _serve(data_dir: Path, port_file: Path | None, host: str) -> None:
    parent = os.getppid()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with running(data_dir, host) as addresses:
        _announce(addresses, port_file)
        while not stopped.is_set() and os.getppid() == parent:
            await _wait(stopped)


async def _wait(stopped: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(stopped.wait(), WATCH_INTERVAL_S)
    except TimeoutError:
        return


def _announce(addresses: Mapping[str, str], port_file: Path | None) -> None:
    line = json.dumps(addresses)
    if port_file is None:
        print(line, flush=True)
        return
    staged = port_file.with_suffix(".tmp")
    staged.write_text(line + "\n")
    os.replace(staged, port_file)


if __name__ == "__main__":
    sys.exit(main())
