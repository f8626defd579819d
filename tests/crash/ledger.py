"""A ledger outside: every request is written down at once, before the answer, as an outside system would."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Ledger:
    """Counts bookings by id. `known` ids are recognised when they come again; `blind` ones are booked again."""

    def __init__(self) -> None:
        self.url = ""
        self._bookings: Counter[bytes] = Counter()
        self._guard = threading.Lock()

    @contextmanager
    def serve(self) -> Iterator[Ledger]:
        """Answers on loopback for the length of the context."""
        server = _Server(self)
        self.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()

    def book(self, kind: str, id_: bytes) -> None:
        """One request: an effect, unless a known id has had its own."""
        with self._guard:
            if kind == "blind" or not self._bookings[id_]:
                self._bookings[id_] += 1

    def bookings(self) -> dict[bytes, int]:
        """How often each id was booked."""
        with self._guard:
            return dict(self._bookings)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        _, kind, id_ = self.path.split("/", 2)
        self.server.ledger.book(kind, id_.encode())
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Requests are counted, not printed."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.ledger = ledger
