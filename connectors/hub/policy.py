"""Where calls may go: an allow-list of hosts, and a guard against requests forged to reach the inside of the network.

Names are checked before a call, addresses when the name has been resolved, and once more the very address that is
connected to, so that a name cannot point elsewhere a moment later. Link-local addresses (the metadata services of
clouds) are never called. Nothing of this is asked of a call to `connection://NAME`: who wrote its address has answered
for it, host and port. The same host by its own address is judged as any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from connectors.hub.contract import Refused
from schemas.reasons import Reason

# Networks that lead inside, or may, and that Python counts among the global ones, in one version or another.
_NOT_PUBLIC = tuple(
    map(
        ip_network,
        (
            "192.0.0.0/24",  # assignments of the protocols; metadata at Oracle
            "192.88.99.0/24",  # 6to4 relays
            "::/96",  # IPv4 in IPv6, as it was
            "64:ff9b::/96",  # NAT64
            "64:ff9b:1::/48",
            "2001::/32",  # Teredo
            "2002::/16",  # 6to4
            "fec0::/10",  # private, as it was
        ),
    )
)
_WITH_IPV4_LAST = tuple(map(ip_network, ("::/96", "64:ff9b::/96", "64:ff9b:1::/48")))


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules for addresses that the site has not given itself."""

    allow_hosts: tuple[str, ...] = ()  # patterns such as *.example.com; empty: any host
    allow_private: bool = True  # loopback and private networks
    remedy: str = "see EXLIFY_CALL_ALLOW_PRIVATE"

    def check_host(self, host: str) -> None:
        """Raises Refused (POLICY_DENIED) if the host, a name or a literal address, may not be called."""
        if self.allow_hosts and not any(fnmatchcase(host, pattern.lower()) for pattern in self.allow_hosts):
            raise Refused(Reason.POLICY_DENIED, f"host {host} is not on the allow-list; see EXLIFY_CALL_ALLOW_HOSTS")
        try:
            self.check_address(host, host)
        except ValueError:
            return  # a name: judged once it is resolved

    def check_address(self, host: str, address: str) -> None:
        """Raises Refused (POLICY_DENIED) if `host` has an address that may not be called, ValueError if it is none."""
        found = ip_address(address.partition("%")[0])
        within = _within(found) if isinstance(found, IPv6Address) else None
        if any(each.is_link_local or each.is_multicast or each.is_unspecified for each in (found, within or found)):
            raise Refused(Reason.POLICY_DENIED, f"host {host} is at {address}, which is never called")
        if self.allow_private:
            return
        mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
        judged = mapped or found  # a mapped address is the IPv4 address itself, the others go through a gateway
        if not judged.is_global or any(judged in network for network in _NOT_PUBLIC):
            raise Refused(Reason.POLICY_DENIED, f"host {host} is at the private address {address}; {self.remedy}")


def _within(found: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to."""
    if found.ipv4_mapped or found.sixtofour:
        return found.ipv4_mapped or found.sixtofour
    if found.teredo:
        return found.teredo[1]
    if int(found) > 1 and any(found in network for network in _WITH_IPV4_LAST):
        return IPv4Address(int(found) & 0xFFFFFFFF)
    return None
