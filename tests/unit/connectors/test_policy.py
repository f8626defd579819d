"""Where calls may go."""

from __future__ import annotations

import socket

import pytest

from connectors.http.client import GuardedSocket
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


@pytest.mark.parametrize(
    "host",
    [
        "192.0.0.192",
        "192.88.99.1",
        "::127.0.0.1",
        "::8.8.8.8",
        "::ffff:127.0.0.1",
        "64:ff9b::8.8.8.8",
        "64:ff9b:1::1",
        "2002:808:808::1",
        "2001:0:1::1",
        "fec0::1",
        "240.0.0.1",
        "255.255.255.255",
    ],
)
def test_addresses_that_lead_inside_by_a_gateway_are_private(host: str) -> None:
    with pytest.raises(Refused):
        STRICT.check_host(host)


@pytest.mark.parametrize(
    "host", ["::169.254.169.254", "64:ff9b::169.254.169.254", "2002:a9fe:a9fe::1", "64:ff9b::224.0.0.1", "fe80::1%eth0"]
)
def test_addresses_that_are_never_called_are_so_in_any_dress(host: str) -> None:
    with pytest.raises(Refused, match="never called"):
        Policy().check_host(host)


def test_mapped_public_address_passes() -> None:
    STRICT.check_host("::ffff:8.8.8.8")


def test_address_that_is_connected_to_is_the_one_that_is_judged() -> None:
    """Whatever a name was when it was resolved: a socket is made for an address, and for no other."""
    make = GuardedSocket(STRICT)
    with pytest.raises(Refused):
        make((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("10.0.0.1", 80)))
    with pytest.raises(Refused):
        make((socket.AF_INET6, socket.SOCK_STREAM, 0, "", ("::1", 80, 0, 0)))
    make((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("93.184.216.34", 80))).close()


def test_allow_list_holds_for_names() -> None:
    policy = Policy(allow_hosts=("api.example.com", "*.partner.example"))
    policy.check_host("api.example.com")
    policy.check_host("eu.partner.example")
    with pytest.raises(Refused):
        policy.check_host("example.com")


def test_name_with_a_private_address_is_refused() -> None:
    with pytest.raises(Refused):
        STRICT.check_address("example.com", "10.0.0.1")
