"""Whether a server on this machine answers."""

from __future__ import annotations

from urllib.request import ProxyHandler, build_opener


def answers(url: str, within_s: float) -> bool:
    """Whether 200 comes from there within so many seconds. A proxy of the environment is for hosts out there."""
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=within_s) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False
