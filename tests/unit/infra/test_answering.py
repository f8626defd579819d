"""Whether a server on this machine answers."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from infra.local import ports
from infra.local.answering import answers


class Ready(BaseHTTPRequestHandler):
    """Ready at one path only."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/readyz" else 503)
        self.end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Says nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    server = HTTPServer((ports.LOOPBACK, 0), Ready)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://{ports.LOOPBACK}:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_only_who_is_ready_answers(url: str) -> None:
    (nobody,) = ports.new(1)
    assert answers(f"{url}/readyz", 5.0)
    assert not answers(f"{url}/other", 5.0)
    assert not answers(f"http://{ports.LOOPBACK}:{nobody}/readyz", 5.0)


def test_proxy_of_the_environment_is_not_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (nobody,) = ports.new(1)
    monkeypatch.setenv("http_proxy", f"http://{ports.LOOPBACK}:{nobody}")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setattr(urllib.request, "_opener", None)  # urlopen keeps what it has read of the environment
    assert answers(f"{url}/readyz", 5.0)
