"""Free ports on loopback, the same ones again after a restart where they are still free."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Sequence
from pathlib import Path

from infra.local.errors import LocalError

LOOPBACK = "127.0.0.1"


def remembered(file: Path, names: Sequence[str]) -> dict[str, int]:
    """A free port for each of `names`: the one in `file` if still free, else a new one, which `file` then holds."""
    try:
        known = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        known = {}
    ports = {name: known[name] for name in names if name in known and is_free(known[name])}
    missing = [name for name in names if name not in ports]
    ports |= dict(zip(missing, new(len(missing)), strict=True))
    staged = file.with_suffix(".tmp")
    staged.write_text(json.dumps(ports))
    os.replace(staged, file)
    return ports


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on `port` now."""
    with socket.socket() as probe:
        # As servers do: a port whose last connections are still closing is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def require_free(port: int, setting: str, host: str = LOOPBACK) -> None:
    """Raises LocalError naming `setting` where another program listens on `port`."""
    if not is_free(port, host):
        raise LocalError(
            f"{host}:{port}: another program listens on this port. Stop it, or set {setting} to another port (0: any)."
        )


def new(count: int) -> list[int]:
    """Free ports that the system gives; all held open until the last is known, so that no two are the same."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for held in sockets:
            held.bind((LOOPBACK, 0))
        return [held.getsockname()[1] for held in sockets]
    finally:
        for held in sockets:
            held.close()
