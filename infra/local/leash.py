"""Runs a command that cannot outlive the process that asked for it, not even when that one is killed with -9.

    python -I leash.py PARENT_PID LOCK COMMAND [ARGUMENT...]

LOCK is a file that is held locked until the command ends, or empty; the command is not run where another holds it.

Linux: the kernel is told to kill this process when its parent ends, then this process becomes the command, so nothing
stays in between. The kernel means the *thread* that forked: fork from one that lives as long as the child should.
Elsewhere: this process stays, watches its parent and kills the command's whole process group.

Runs alone, without the project on its path: it must start in milliseconds.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1
WATCH_INTERVAL_S = 0.5
ORPHANED = 125
HELD = 126


def main(argv: list[str]) -> int:
    """Becomes, or watches over, the command; returns only on systems that need a watcher."""
    parent, lock, command = int(argv[0]), argv[1], argv[2:]
    if lock and not _holds(lock):
        print(f"ERROR: another process holds {lock}", file=sys.stderr)
        return HELD
    if os.uname().sysname == "Linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        # The parent may have ended before the kernel was told.
        if os.getppid() != parent:
            return ORPHANED
        os.execvp(command[0], command)
    return _watch(parent, command)


def _holds(lock: str) -> bool:
    """Locks the file in a way that the command inherits: the lock ends with whoever has the file open last."""
    file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    os.set_inheritable(file, True)
    return True


def _watch(parent: int, command: list[str]) -> int:
    child = subprocess.Popen(command, start_new_session=True)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: child.send_signal(received))
    while os.getppid() == parent:
        try:
            return child.wait(WATCH_INTERVAL_S)
        except subprocess.TimeoutExpired:
            continue
    os.killpg(child.pid, signal.SIGKILL)
    return ORPHANED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
