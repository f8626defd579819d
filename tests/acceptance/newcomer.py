"""A person who has the README and a terminal: types its commands in order, in a folder of their own."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.support.waiting import PATIENCE_S

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
LOOK_S = 0.2
# What the commands of the page find in the folder that they are typed in.
AT_HAND = ("streams/workflows", "Makefile")

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE_NAME = re.compile(r"Save this as `([^`]+)`:\s*\Z")


class Block(NamedTuple):
    """A fenced block: its language, its text, and the name of the file that it is to be saved as."""

    language: str
    text: str
    file: str | None

    def commands(self) -> list[str]:
        """The commands of a shell block, without the remarks behind them."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [command for line in lines if (command := re.sub(r"(^|\s+)#.*", "", line).strip())]


def blocks(text: str) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    for found in _BLOCK.finditer(text):
        name = _FILE_NAME.search(text[: found.start()])
        yield Block(found[1], found[2], name[1] if name else None)


class Newcomer:
    """Runs commands with nothing of Exlify's in the environment but a data folder and a free port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("EXLIFY_")}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        data = {"EXLIFY_DATA_DIR": str(folder / ".exlify"), "EXLIFY_GATEWAY_PORT": "0"}
        self.env = inherited | data | {"PATH": path}
        self._systems: dict[str, tuple[subprocess.Popen[bytes], Path]] = {}
        for name in AT_HAND:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).symlink_to(ROOT / name)

    def types(self, command: str) -> str:
        """Everything that the command prints; fails if its exit code is not 0."""
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=PATIENCE_S
        )
        assert done.returncode == 0, f"`{command}` ends with {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def sees(self, command: str, wanted: str) -> None:
        """Repeats a command that only looks until it shows `wanted`, a regular expression."""
        deadline = time.monotonic() + PATIENCE_S
        while not re.search(wanted, shown := self.types(command)):
            assert time.monotonic() < deadline, f"`{command}` never shows {wanted}: {shown}"
            time.sleep(LOOK_S)

    def recipe(self, target: str) -> str:
        """What `make TARGET` runs in the end, its environment being this one."""
        (*_, last) = self.types(f"make --no-print-directory -C {shlex.quote(str(ROOT))} -n {target}").splitlines()
        return last.replace(".venv/bin/python", shlex.quote(sys.executable)).strip()

    def starts(self, name: str, command: str, wanted: str) -> None:
        """Starts what goes on until it is stopped, and waits until it has said `wanted`."""
        log = self.folder / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {command}"], cwd=self.folder, env=self.env, stdout=output, stderr=output
            )
        self._systems[name] = process, log
        deadline = time.monotonic() + PATIENCE_S
        while not re.search(wanted, log.read_text()):
            assert process.poll() is None, f"`{command}` has ended with {process.returncode}: {log.read_text()}"
            assert time.monotonic() < deadline, f"`{command}` never says {wanted}: {log.read_text()}"
            time.sleep(LOOK_S)

    def interrupts(self, name: str) -> None:
        """Ctrl-C in its terminal; fails if it does not end well."""
        self._systems[name][0].send_signal(signal.SIGINT)
        self.finds_ended(name)

    def finds_ended(self, name: str) -> None:
        """Waits for the end of what was started; fails if it did not end well."""
        process, log = self._systems.pop(name)
        assert process.wait(PATIENCE_S) == 0, log.read_text()

    def leaves(self) -> None:
        """Ends whatever still runs."""
        for process, _ in self._systems.values():
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
