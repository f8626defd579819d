"""Ports: free when they are given, the same again where that is possible."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from infra.local import ports
from infra.local.errors import LocalError


def test_ports_stay_the_same_after_a_restart(tmp_path: Path) -> None:
    first = ports.remembered(tmp_path / "ports.json", ["a", "b"])
    assert ports.remembered(tmp_path / "ports.json", ["a", "b"]) == first


def test_only_the_taken_port_is_replaced(tmp_path: Path) -> None:
    first = ports.remembered(tmp_path / "ports.json", ["a", "b"])
    with _listening(first["a"]):
        second = ports.remembered(tmp_path / "ports.json", ["a", "b"])
    assert second["a"] != first["a"]
    assert second["b"] == first["b"]


def test_damaged_memory_gives_new_ports(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text('{"a": ')
    assert set(ports.remembered(tmp_path / "ports.json", ["a"])) == {"a"}


def test_new_ports_differ_from_each_other() -> None:
    assert len(set(ports.new(50))) == 50


def test_taken_port_names_the_setting_to_change() -> None:
    (port,) = ports.new(1)
    ports.require_free(port, "EXLIFY_THING_PORT")
    with _listening(port), pytest.raises(LocalError, match=rf"127\.0\.0\.1:{port}: .* set EXLIFY_THING_PORT"):
        ports.require_free(port, "EXLIFY_THING_PORT")


def _listening(port: int) -> socket.socket:
    return socket.create_server((ports.LOOPBACK, port))
