"""An S3-compatible store for the tests that need one: moto's server, a process of its own on loopback, in memory.

It looks at signatures: whoever has no key of it is refused. `make peers` installs it, in an environment of its own.
Where that is missing the tests are skipped with the reason; in continuous integration they fail.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from infra.local import ports
from tests.support.waiting import PATIENCE_S

if TYPE_CHECKING:
    from obstore.store import S3Store

BUCKET = "models"
_ANYTHING = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
PYTHON = Path(__file__).parents[2] / ".venv-peers" / "bin" / "python"
# Those that make bucket and key; nobody has to sign as many requests.
_SETUP: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    ("PUT", f"/{BUCKET}", {}),
    ("POST", "/", {"Action": "CreateUser", "UserName": "exlify"}),
    ("POST", "/", {"Action": "PutUserPolicy", "UserName": "exlify", "PolicyName": "all", "PolicyDocument": _ANYTHING}),
    ("POST", "/", {"Action": "CreateAccessKey", "UserName": "exlify"}),
)
_IAM = "AWS4-HMAC-SHA256 Credential=nobody/20300101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=none"


class S3:
    """A store with one bucket, and a key that may do anything."""

    def __init__(self) -> None:
        (self.port,) = ports.new(1)
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.key = self.secret = "nobody"
        self.start()

    def start(self) -> None:
        """Starts it, empty, and returns once it answers."""
        self._process = subprocess.Popen(
            [PYTHON, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(self.port)],
            env={**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": str(len(_SETUP))},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline and self._process.poll() is None, "the store does not start"
                time.sleep(0.05)
        *_, made = [self._asked(*each) for each in _SETUP]
        self.key, self.secret = (
            made.split(f"<{each}>")[1].split("<")[0] for each in ("AccessKeyId", "SecretAccessKey")
        )

    def stop(self) -> None:
        """Ends it as a crash would; what it held is gone."""
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        """It takes requests from now on, and answers none."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """It answers again."""
        self._process.send_signal(signal.SIGCONT)

    @property
    def objects(self) -> S3Store:
        """What the bucket holds, for somebody else who changes it."""
        from obstore.store import S3Store

        return S3Store(
            BUCKET, endpoint=self.endpoint, region="us-east-1", access_key_id=self.key, secret_access_key=self.secret,
            client_options={"allow_http": True},
        )  # fmt: skip

    @property
    def environ(self) -> dict[str, str]:
        """Settings of a site whose models are there."""
        return {
            "EXLIFY_MODELS_STORE": f"s3://{BUCKET}/site",
            "EXLIFY_MODELS_STORE_ENDPOINT": self.endpoint,
            "EXLIFY_MODELS_STORE_KEY": self.key,
            "EXLIFY_MODELS_STORE_SECRET": self.secret,
        }

    def _asked(self, method: str, path: str, form: Mapping[str, str]) -> str:
        headers = {"Authorization": _IAM} if form else {}
        body = urlencode(form).encode() if form else None
        with urlopen(Request(self.endpoint + path, body, headers, method=method), timeout=PATIENCE_S) as answer:
            return str(answer.read().decode())


@pytest.fixture
def s3() -> Iterator[S3]:
    """A store of a test's own: it starts in half a second."""
    pytest.importorskip("obstore", reason="the extra `s3` is not installed")
    if not PYTHON.exists():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no S3-compatible store: make peers")
    store = S3()
    yield store
    store.stop()
