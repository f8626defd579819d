"""Whether a server of this machine answers yet."""

from __future__ import annotations

from urllib.request import ProxyHandler, build_opener

_DIRECT = build_opener(ProxyHandler({}))  # whatever proxy the environment names: it does not know this machine's ports


def answers(url: str, timeout_s: float = 1.0) -> bool:
    """Whether a GET is answered with 200 in that time."""
    try:
        with _DIRECT.open(url, timeout=timeout_s) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False
