"""A real MariaDB for the tests that need one: private and short-lived, on loopback.

It needs MariaDB's server, which `make peers` installs. Where it is missing, the tests are skipped with the reason; in
continuous integration they fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local import ports
from tests.support.waiting import PATIENCE_S

# It refuses to run as root.
USER = "nobody" if os.geteuid() == 0 else None


class MariaDb:
    """A MariaDB of our own, in a folder that goes away with it."""

    def __init__(self, program: str) -> None:
        (self.port,) = ports.new(1)
        self.url = f"mariadb+pymysql://exlify:pass%40word@127.0.0.1:{self.port}/test"
        self._program = program
        self._folder = Path(tempfile.mkdtemp(prefix="exlify-mariadb-", dir="/tmp"))
        if USER:
            shutil.chown(self._folder, USER)
        data = f"--datadir={self._folder}/data"
        self._run(
            "mariadb-install-db", "--no-defaults", data, "--auth-root-authentication-method=normal", "--skip-test-db"
        )
        self._start = [
            program, "--no-defaults", data, f"--port={self.port}", "--bind-address=127.0.0.1",
            f"--socket={self._folder}/socket", f"--pid-file={self._folder}/pid", f"--init-file={self._folder}/init.sql",
            "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M", "--skip-name-resolve",
        ]  # fmt: skip
        (self._folder / "init.sql").write_text(
            "CREATE DATABASE IF NOT EXISTS test;\n"
            "CREATE USER IF NOT EXISTS exlify@127.0.0.1 IDENTIFIED BY 'pass@word';\n"
            "GRANT ALL ON test.* TO exlify@127.0.0.1;\n"
        )
        (self._folder / "init.sql").chmod(0o644)  # whatever others have made of the umask
        self.start()

    def start(self) -> None:
        """Starts it, and returns once it takes connections."""
        import pymysql

        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._start, stdout=log, stderr=log, user=USER, cwd="/")
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self.connected().close()
                return
            except pymysql.err.OperationalError:
                time.sleep(0.05)
        raise AssertionError((self._folder / "log").read_text())

    def connected(self) -> Any:
        """A connection that commits by itself."""
        import pymysql

        return pymysql.connect(
            host="127.0.0.1", port=self.port, user="exlify", password="pass@word", database="test", autocommit=True
        )

    def stop(self) -> None:
        """Ends it as a crash would."""
        self._process.kill()
        self._process.wait()

    def remove(self) -> None:
        """Ends it for good."""
        self.stop()
        shutil.rmtree(self._folder)

    def _run(self, *command: str) -> None:
        subprocess.run(command, check=True, user=USER, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDb]:
    """A server that answers."""
    pytest.importorskip("pymysql", reason="the extra `mariadb` is not installed")
    program = shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no MariaDB is installed: make peers")
    server = MariaDb(program)
    yield server
    server.remove()
