"""A server's data belongs to one server: the next one waits for one that is ending, and is refused by one that runs."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from infra.local.errors import LocalError
from infra.local.process import Launch, Process
from infra.local.server import Server

RUNS = "import signal; print('runs', flush=True); signal.pause()"


class Idle(Server):
    """A server that does nothing but run."""

    name = "idle"

    @property
    def address(self) -> str:
        return "nowhere"

    def answers(self) -> bool:
        return "runs" in self.log.read_text()

    def _prepare(self) -> Launch:
        return Launch((sys.executable, "-c", RUNS), self.log)


def test_next_server_waits_for_one_that_ends_and_is_refused_by_one_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Idle(tmp_path), Idle(tmp_path)
    first.start()
    monkeypatch.setattr("infra.local.server.END_GRACE_S", 0.1)
    with pytest.raises(LocalError, match="a idle runs with this data already"):
        second.prepare()
    monkeypatch.setattr("infra.local.server.END_GRACE_S", 60)
    ending = threading.Timer(0.2, first.kill)
    ending.start()
    process = Process(second.prepare())
    ending.join()
    assert process.exit_code is None
    process.kill()
