"""Three ways to a broker and a registry, behind one shape: local servers, containers, or addresses.

EXLIFY_TEST_BROKER chooses: `local` (default), `container` or `address` (see tests/conftest.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.local.kafka import KafkaServer
from infra.local.progress import on_stderr
from infra.local.registry import RegistryServer
from infra.local.server import Server
from tests.support.servers import made


@dataclass(frozen=True)
class Provider:
    """Gives a broker's bootstrap address and a registry's URL, each for as long as its context lasts."""

    kafka: Callable[[], AbstractContextManager[str]]
    registry: Callable[[], AbstractContextManager[str]]


def local(folder: Path) -> Provider:
    """Real servers as child processes, with their data in `folder`."""

    @contextmanager
    def running(server: Server) -> Iterator[str]:
        address = server.start()
        try:
            yield address
        finally:
            server.stop()

    return Provider(
        kafka=lambda: running(made(KafkaServer, folder, on_stderr)),
        registry=lambda: running(made(RegistryServer, folder, on_stderr)),
    )


def address(folder: Path) -> Provider:
    """Servers that run already; a suite that needs one whose address is not set fails."""

    @contextmanager
    def named(variable: str) -> Iterator[str]:
        if not os.environ.get(variable):
            pytest.fail(f"EXLIFY_TEST_BROKER=address needs {variable}.")
        yield os.environ[variable]

    return Provider(kafka=lambda: named("EXLIFY_TEST_BOOTSTRAP"), registry=lambda: named("EXLIFY_TEST_REGISTRY_URL"))


def container(folder: Path) -> Provider:
    """Servers in containers; tests that need one are skipped, with the reason, where no daemon answers."""
    from tests.support import containers

    return Provider(kafka=containers.kafka, registry=containers.registry)


PROVIDERS = {"local": local, "container": container, "address": address}


def chosen(folder: Path) -> Provider:
    """The provider of this run; what local servers keep goes into `folder`: each folder is a site of its own."""
    name = os.environ.get("EXLIFY_TEST_BROKER", "local")
    if name not in PROVIDERS:
        pytest.exit(f"EXLIFY_TEST_BROKER={name}: choose one of {', '.join(PROVIDERS)}.", returncode=4)
    return PROVIDERS[name](folder)
