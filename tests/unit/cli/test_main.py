"""The command itself: quick help, one line for an error, exit codes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from schemas.lifecycle import OF_INSTANCES
from streams.cli import SUMMARIES, group
from tests.support.commands import exlify
from tests.support.waiting import PATIENCE_S

HEAVY = ("faust", "aiohttp", "onnxruntime", "sqlalchemy", "confluent_kafka", "fastavro", "numpy")


@pytest.mark.parametrize("name", sorted(SUMMARIES))
def test_every_command_explains_itself(name: str) -> None:
    result = exlify(name, "--help")
    assert (result.returncode, "Usage: exlify" in result.stdout) == (0, True)
    if name != "down":
        assert "Example" in result.stdout


def test_help_imports_nothing_heavy() -> None:
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "streams.cli", "--help"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    imported = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    assert "click" in imported and imported.isdisjoint(HEAVY)


def test_list_loads_no_engine_before_it_is_needed() -> None:
    program = "import sys; import streams.cli.instances; print('streams.engine' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=PATIENCE_S
    )
    assert done.stdout == "False\n"


def test_list_offers_the_states_that_instances_have() -> None:
    offered = "[" + "|".join(OF_INSTANCES) + "]"
    assert offered in "".join(exlify("list", "--help").stdout.split())
    refused = exlify("list", "--status", "skipped")
    assert refused.returncode == 2 and "faulted" in refused.stderr


def test_expected_failure_is_one_line(tmp_path: Path) -> None:
    result = exlify("list", EXLIFY_DATA_DIR=str(tmp_path))
    assert (result.returncode, result.stdout) == (69, "")
    assert result.stderr == f"exlify: no running Exlify found in {tmp_path}: start it with `exlify up`\n"


@pytest.mark.parametrize("arguments", [("nonsense",), ("list", "--nonsense"), ("list", "--limit", "0")])
def test_wrong_use_is_told_with_exit_code_two(arguments: tuple[str, ...]) -> None:
    result = exlify(*arguments)
    assert result.returncode == 2 and "Error" in result.stderr


def test_misspelt_command_is_told_with_what_may_be_meant() -> None:
    result = exlify("lst")
    assert result.returncode == 2 and "Did you mean 'list'?" in result.stderr


@pytest.mark.parametrize("arguments", [["functions"], ["functions", "--json"], ["--help"]])
def test_full_disk_is_one_line(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "streams.cli", *arguments]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S)
    assert done.returncode == 74
    assert done.stderr == "exlify: the output cannot be written (No space left on device). Write it somewhere else.\n"


def test_reader_that_has_seen_enough_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "streams.cli", "functions"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_registry_that_is_away_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    away = {
        "EXLIFY_BOOTSTRAP": "127.0.0.1:1",
        "EXLIFY_REGISTRY_URL": "http://127.0.0.1:1",
        "EXLIFY_DATA_DIR": str(tmp_path),
    }
    result = exlify("outcomes", "w", **away)
    assert result.returncode == 69 and result.stderr.count("\n") == 1
    assert "the registry at http://127.0.0.1:1 does not answer" in result.stderr


def test_interrupt_ends_with_its_own_code(tmp_path: Path) -> None:
    """The command waits for a file that never comes; Ctrl-C is a signal to it like any other."""
    command = [sys.executable, "-m", "streams.cli", "publish", "com.example.x.v1", "--file", "-"]
    environ = os.environ | {"EXLIFY_BOOTSTRAP": "127.0.0.1:1", "EXLIFY_REGISTRY_URL": "none"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environ) as process:
        while "publisher" not in threads(process.pid):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.stdin is not None
        assert process.wait(PATIENCE_S) == 130


def threads(pid: int) -> str:
    """Names of a process's threads; Python's name them by number, librdkafka's by their work."""
    names = []
    for each in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # a thread that has ended meanwhile
            names.append((each / "comm").read_text())
    return "publisher" if any(name.startswith("rdk:") for name in names) else ""


def test_commands_come_in_the_order_of_the_journey() -> None:
    assert group.list_commands(None)[0] == "up"  # type: ignore[arg-type]  # the context is not looked at
