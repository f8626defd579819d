"""The leash: a child ends with its parent, however the parent ends, and is otherwise the command itself."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

from infra.local.process import LEASH, Launch, Process
from tests.support.waiting import PATIENCE_S

PARENT = """
import sys
from pathlib import Path
from infra.local.process import Launch, Process
child = Process(Launch((sys.executable, "-c", "import sys, time; time.sleep(600)"), Path(sys.argv[1])))
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "log")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    watch = os.pidfd_open(int(parent.stdout.readline()))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    ready, _, _ = select.select([watch], [], [], PATIENCE_S)
    os.close(watch)
    assert ready


def test_command_of_an_ended_parent_never_runs(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    somebody_else = str(os.getpid() + 1)
    command = [sys.executable, "-I", str(LEASH), somebody_else, "", "touch", str(trace)]
    assert subprocess.run(command, check=False).returncode == 125
    assert not trace.exists()


def test_exit_code_output_and_environment_pass_through(tmp_path: Path) -> None:
    launch = Launch(
        (sys.executable, "-c", "import os; print(os.environ['GIVEN']); raise SystemExit(7)"),
        tmp_path / "logs" / "child.log",
        {"GIVEN": "value"},
    )
    process = Process(launch)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert process.exit_code == 7
    assert launch.log.read_text() == "value\n"


def test_child_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
    log = tmp_path / "child.log"
    process = Process(Launch((sys.executable, "-c", stubborn), log))
    while not log.read_text():
        os.sched_yield()
    assert process.stop(grace_s=0.1) == -signal.SIGKILL


def test_lock_is_held_for_as_long_as_the_command_runs(tmp_path: Path) -> None:
    lock, log = tmp_path / "lock", tmp_path / "child.log"
    runs = "import signal; print('runs', flush=True); signal.pause()"
    first = Process(Launch((sys.executable, "-c", runs), log, lock=lock))
    while not log.read_text():
        os.sched_yield()
    second = Process(Launch(("touch", str(tmp_path / "trace")), tmp_path / "second.log", lock=lock))
    os.waitid(os.P_PID, second.pid, os.WEXITED | os.WNOWAIT)
    assert (second.exit_code, (tmp_path / "trace").exists()) == (126, False)
    assert str(lock) in (tmp_path / "second.log").read_text()
    first.kill()
    third = Process(Launch(("touch", str(tmp_path / "trace")), tmp_path / "third.log", lock=lock))
    os.waitid(os.P_PID, third.pid, os.WEXITED | os.WNOWAIT)
    assert (third.exit_code, (tmp_path / "trace").exists()) == (0, True)
