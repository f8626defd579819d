"""One site for the acceptance suite."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.site import Site, running
from tests.support import brokers


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running site that the tests of this suite share; each brings events of its own."""
    folder = tmp_path_factory.mktemp("site")
    of_files = folder / "site"  # where tests write what a site has in its folder
    of_files.mkdir()
    environ = {"EXLIFY_SITE_DIR": str(of_files), "EXLIFY_MAX_PARKED_PER_MINUTE": "100000"}  # more than a crash test has
    with brokers.chosen(folder).kafka() as bootstrap, running(bootstrap, folder, **environ) as started:
        yield started
