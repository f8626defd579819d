"""The broker, the registry and the other servers of the suites, from one fixture each.

EXLIFY_TEST_BROKER chooses where they come from:
- `local` (default): real servers of `infra.local`, in a temporary folder, for the length of the run
- `container`: testcontainers, with the images EXLIFY_TEST_KAFKA_IMAGE and EXLIFY_TEST_REGISTRY_IMAGE
- `address`: servers that run already, at EXLIFY_TEST_BOOTSTRAP and EXLIFY_TEST_REGISTRY_URL
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support import brokers
from tests.support.dovecot import dovecot  # noqa: F401
from tests.support.figures import pytest_terminal_summary, report  # noqa: F401
from tests.support.mariadb import mariadb  # noqa: F401
from tests.support.postgresql import postgresql  # noqa: F401
from tests.support.rabbitmq import rabbitmq  # noqa: F401
from tests.support.s3 import s3  # noqa: F401
from tests.support.sftp import sftp  # noqa: F401
from tests.support.splitting import (  # noqa: F401
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_make_parametrize_id,
    pytest_xdist_make_scheduler,
)

settings.register_profile("unhurried", deadline=None)  # how long an example takes is no one's promise
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def kafka(provider: brokers.Provider) -> Iterator[str]:
    """The bootstrap address of a broker without topics of ours; each test makes those it needs."""
    with provider.kafka() as bootstrap:
        yield bootstrap


@pytest.fixture(scope="session")
def registry(provider: brokers.Provider) -> Iterator[str]:
    """The base URL of a schema registry (Confluent's interface)."""
    with provider.registry() as url:
        yield url


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> brokers.Provider:
    """Where this run's servers come from."""
    return brokers.chosen(tmp_path_factory.mktemp("servers"))
