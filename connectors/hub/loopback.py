"""Whether a host is this machine: a password goes there in clear, and nowhere else."""

from __future__ import annotations

from ipaddress import ip_address


def is_here(host: str) -> bool:
    """Whether it is, by its name or number alone; no name is looked up."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
