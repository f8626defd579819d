"""A real PostgreSQL for the tests that need one: private and short-lived, or by its address.

EXLIFY_TEST_POSTGRESQL_URL names a server to use instead of a private one; tests that stop the server are skipped then.
A private one needs PostgreSQL's programs, which `make peers` installs. Where they are missing, the tests are skipped
with the reason; in continuous integration they fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psutil
import pytest

from infra.local import ports

DEBIAN = Path("/usr/lib/postgresql")

# PostgreSQL refuses to run as root.
USER = "nobody" if os.geteuid() == 0 else None


class Server:
    """Somebody's PostgreSQL, at an address that SQLAlchemy understands."""

    def __init__(self, url: str) -> None:
        self.url = url

    def start(self) -> None:
        """Starts it again after `stop`."""

    def stop(self) -> None:
        """Stops it as a crash would."""
        pytest.skip("the server is not ours to stop")

    def frozen(self) -> AbstractContextManager[None]:
        """It stands still, with its connections open, while the context lasts."""
        pytest.skip("the server is not ours to stop")


class PrivateServer(Server):
    """A PostgreSQL of our own, in a folder that goes away with it."""

    def __init__(self, programs: Path) -> None:
        (self._port,) = ports.new(1)
        super().__init__(f"postgresql+psycopg://exlify@127.0.0.1:{self._port}/postgres")
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="exlify-postgresql-"))
        if USER:
            shutil.chown(self._folder, USER)
        self._run("initdb", "-U", "exlify", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
        self.start()

    def start(self) -> None:
        options = f"-c listen_addresses=127.0.0.1 -c port={self._port} -c unix_socket_directories='' -c fsync=off"
        self._run("pg_ctl", "start", "-w", "-l", str(self._folder / "log"), "-o", options)

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "-m", "immediate")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """As when its machine is out of breath: nothing answers, nothing is closed."""
        main = psutil.Process(int((self._folder / "data" / "postmaster.pid").read_text().split()[0]))
        every = [main, *main.children()]
        for each in every:
            each.suspend()
        try:
            yield
        finally:
            for each in every:
                each.resume()

    def remove(self) -> None:
        """Ends it for good."""
        self.stop()
        shutil.rmtree(self._folder)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), "-D", str(self._folder / "data"), *arguments]
        subprocess.run(command, check=True, user=USER, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A server that answers."""
    pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
    with running() as server:
        if server is None:
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no PostgreSQL is installed: make peers")
        yield server


@contextmanager
def running() -> Iterator[Server | None]:
    """The server that is named, or a private one as long as the context lasts; None where there is neither."""
    if "EXLIFY_TEST_POSTGRESQL_URL" in os.environ:
        yield Server(os.environ["EXLIFY_TEST_POSTGRESQL_URL"])
    elif (programs := installed()) is None:
        yield None
    else:
        server = PrivateServer(programs)
        try:
            yield server
        finally:
            server.remove()


def installed() -> Path | None:
    """The folder of `initdb`, which Debian does not put on the path."""
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).resolve().parent
    found = sorted(DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None
