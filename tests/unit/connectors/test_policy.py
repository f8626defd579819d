"""Where calls may go."""

from __future__ import annotations

import pytest

from connectors.hub.contract import Refused
from connectors.hub.policy import Policy

STRICT = Policy(allow_private=False)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "::1", "fd00::1", "::ffff:10.0.0.1", "100.64.0.1"]
)
def test_private_addresses_are_refused_where_not_allowed(host: str) -> None:
    with pytest.raises(Refused):
        STRICT.check_host(host)
    Policy().check_host(host)


@pytest.mark.parametrize("host", ["169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1", "::", "::ffff:169.254.169.254"])
def test_addresses_that_serve_no_call_are_always_refused(host: str) -> None:
    with pytest.raises(Refused):
        Policy().check_host(host)


@pytest.mark.parametrize("host", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "example.com"])
def test_public_addresses_and_names_pass(host: str) -> None:
    STRICT.check_host(host)


def test_allow_list_holds_for_names() -> None:
    policy = Policy(allow_hosts=("api.example.com", "*.partner.example"))
    policy.check_host("api.example.com")
    policy.check_host("eu.partner.example")
    with pytest.raises(Refused):
        policy.check_host("example.com")


def test_name_with_a_private_address_is_refused() -> None:
    with pytest.raises(Refused):
        STRICT.check_address("example.com", "10.0.0.1")


def test_hosts_of_connections_are_trusted_while_they_are() -> None:
    trusted = {"erp"}
    policy = Policy(allow_hosts=("none",), allow_private=False, trusts=lambda host: host in trusted)
    policy.check_host("erp")
    policy.check_address("erp", "10.0.0.1")
    trusted.clear()
    with pytest.raises(Refused):
        policy.check_host("erp")
