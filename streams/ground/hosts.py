"""What can be told of a host by its name."""

from __future__ import annotations

import ipaddress


def is_this_machine(host: str) -> bool:
    """Whether nobody but this machine is meant; an address that stands for all of its networks is more."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
