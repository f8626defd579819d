"""Where calls may go: an allow-list of hosts, and a guard against requests forged to reach the inside of the network.

Names are checked before a call, addresses when the name has been resolved, in the very resolver that the connection
uses, so that a name cannot point elsewhere a moment later. Link-local addresses (the metadata services of clouds) are
never called.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import IPv6Address, ip_address

from connectors.hub.contract import Refused
from schemas.reasons import Reason


def nobody(host: str) -> bool:
    """No host is trusted."""
    return False


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules. Hosts of connections are trusted (as long as they are), all others are judged."""

    allow_hosts: tuple[str, ...] = ()  # patterns such as *.example.com; empty: any host
    allow_private: bool = True  # loopback and private networks
    trusts: Callable[[str], bool] = nobody

    def check_host(self, host: str) -> None:
        """Raises Refused (POLICY_DENIED) if the host, a name or a literal address, may not be called."""
        if self.trusts(host):
            return
        if self.allow_hosts and not any(fnmatchcase(host, pattern.lower()) for pattern in self.allow_hosts):
            raise Refused(Reason.POLICY_DENIED, f"host {host} is not on the allow-list; see EXLIFY_CALL_ALLOW_HOSTS")
        try:
            self.check_address(host, host)
        except ValueError:
            return  # a name: judged once it is resolved

    def check_address(self, host: str, address: str) -> None:
        """Raises Refused (POLICY_DENIED) if `host` has an address that may not be called, ValueError if it is none."""
        if self.trusts(host):
            return
        found = ip_address(address.partition("%")[0])
        if isinstance(found, IPv6Address) and found.ipv4_mapped:
            found = found.ipv4_mapped
        if found.is_link_local or found.is_multicast or found.is_unspecified:
            raise Refused(Reason.POLICY_DENIED, f"host {host} is at {address}, which is never called")
        if not self.allow_private and not found.is_global:
            raise Refused(
                Reason.POLICY_DENIED, f"host {host} is at the private address {address}; see EXLIFY_CALL_ALLOW_PRIVATE"
            )
