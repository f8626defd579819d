"""A real SFTP server for the tests that need one: OpenSSH's, private and short-lived, on loopback.

It needs OpenSSH's server, which `make peers` installs. Where it is missing, the tests are skipped with the reason; in
continuous integration they fail.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncssh
import psutil
import pytest

from connectors.hub.identity import Identity, Ssh
from infra.local import ports
from tests.support.waiting import PATIENCE_S

CONFIG = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host-key
AuthorizedKeysFile {folder}/authorized
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
LogLevel ERROR
Subsystem sftp internal-sftp
"""


class SftpServer:
    """OpenSSH's server; a folder of this machine is at `url(folder)`."""

    def __init__(self, program: str) -> None:
        (self.port,) = ports.new(1)
        self._folder = Path(tempfile.mkdtemp(prefix="exlify-sftp-"))
        host, own = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
        (self._folder / "host-key").write_bytes(host.export_private_key())
        (self._folder / "host-key").chmod(0o600)
        (self._folder / "authorized").write_bytes(own.export_public_key())
        (self._folder / "config").write_text(CONFIG.format(port=self.port, folder=self._folder))
        self.host_key = host.export_public_key().decode().strip()
        self.key = own.export_private_key().decode()
        self.identity = Identity(ssh=Ssh((self.host_key,), self.key))
        self._program = program
        self.start()

    def url(self, folder: Path) -> str:
        """The address of a folder."""
        return f"sftp://{getpass.getuser()}@127.0.0.1:{self.port}{folder}"

    def start(self) -> None:
        """Starts it, and returns once it takes connections."""
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # which it wants to be there
        with (self._folder / "log").open("ab") as log:
            command = [self._program, "-D", "-e", "-f", str(self._folder / "config")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S).close()
                return
            except OSError:
                time.sleep(0.02)
        raise AssertionError((self._folder / "log").read_text())

    def stop(self) -> None:
        """Ends it with all its connections, as a crash would."""
        children = psutil.Process(self._process.pid).children(recursive=True)
        self._process.kill()
        for each in children:
            with suppress(psutil.NoSuchProcess):  # it has ended by itself
                each.kill()
        self._process.wait()

    def remove(self) -> None:
        """Ends it for good."""
        self.stop()
        shutil.rmtree(self._folder)


@contextmanager
def running() -> Iterator[SftpServer]:
    """A server for as long as the context lasts."""
    program = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no OpenSSH server is installed: make peers")
    server = SftpServer(program)
    try:
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def sftp() -> Iterator[SftpServer]:
    """A server that answers."""
    with running() as server:
        yield server
