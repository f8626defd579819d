"""A real RabbitMQ for the tests that need one: private and short-lived, on loopback.

It needs RabbitMQ's server, which `make peers` installs. Where it is missing, the tests are skipped with the reason; in
continuous integration they fail.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from infra.local import ports
from tests.support.waiting import PATIENCE_S

PASSWORD = "pass@word"
WRITTEN = "pass%40word"  # as it stands in an address
ALL = {"configure": ".*", "write": ".*", "read": ".*"}
# Debian's own script, beside which there is one that changes the user.
PLACES = sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin/rabbitmq-server"))


class RabbitMq:
    """A server with the users `exlify`, who may do everything, and `guest`, who may only read what is called `open`."""

    def __init__(self, program: Path) -> None:
        self.port, self._node_port, self._epmd_port = ports.new(3)
        self.url = f"amqp://exlify:{WRITTEN}@127.0.0.1:{self.port}"
        self.guest = f"amqp://reader:{WRITTEN}@127.0.0.1:{self.port}"
        self._program = program
        self._folder = Path(tempfile.mkdtemp(prefix="exlify-rabbitmq-"))
        users = [{"name": name, "password": PASSWORD, "tags": ""} for name in ("exlify", "reader")]
        rights = [
            {"user": "exlify", "vhost": "/", **ALL},
            {"user": "exlify", "vhost": "sales", **ALL},
            {"user": "reader", "vhost": "/", "configure": "^$", "write": "^$", "read": "^open"},
        ]
        said = {"users": users, "vhosts": [{"name": "/"}, {"name": "sales"}], "permissions": rights}
        (self._folder / "definitions.json").write_text(json.dumps(said))
        (self._folder / "enabled").write_text("[].\n")
        (self._folder / "rabbit.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            f"load_definitions = {self._folder}/definitions.json\n"
            "vm_memory_high_watermark.absolute = 512MB\ndisk_free_limit.absolute = 1MB\nlog.console.level = warning\n"
        )
        self.start()

    def start(self) -> None:
        """Starts it, and returns once it takes connections."""
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),  # of the cookie
            "LANG": "C.UTF-8",
            "RABBITMQ_NODENAME": f"exlify{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(self._node_port),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_CONFIG_FILE": str(self._folder / "rabbit"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._folder / "enabled"),
            "RABBITMQ_MNESIA_BASE": str(self._folder / "data"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none",
        }
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._program)], env=environ, stdout=log, stderr=log, cwd=self._folder
            )
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S) as asked:
                    asked.sendall(b"AMQP\x00\x00\x09\x01")
                    if asked.recv(1):
                        return
            except OSError:
                time.sleep(0.05)
        self.stop()
        raise AssertionError((self._folder / "log").read_text()[-4_000:])

    def stop(self) -> None:
        """Ends it with all its connections, as a crash would."""
        children = psutil.Process(self._process.pid).children(recursive=True) if self._process.poll() is None else []
        for each in children:
            with suppress(psutil.NoSuchProcess):  # it has ended by itself
                each.kill()
        self._process.kill()
        self._process.wait()
        psutil.wait_procs(children, timeout=PATIENCE_S)

    def remove(self) -> None:
        """Ends it for good, with the daemon that it has started to be found by name."""
        self.stop()
        for each in psutil.process_iter(["cmdline", "environ"]):
            said = each.info["environ"] or {}
            if said.get("ERL_EPMD_PORT") == str(self._epmd_port) and said.get("HOME") == str(self._folder):
                with suppress(psutil.NoSuchProcess):
                    each.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitMq]:
    """A server that answers."""
    if not PLACES:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no RabbitMQ is installed: make peers")
    server = RabbitMq(PLACES[-1])
    yield server
    server.remove()
