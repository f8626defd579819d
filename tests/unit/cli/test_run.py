"""`exlify run`: what it prints and how it exits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from tests.support.waiting import PATIENCE_S

DOCUMENT = "document: {dsl: '1.0.3', namespace: tests, name: local, version: '1.0.0'}\ndo:\n"
HUMAN = "  - check: {call: human, with: {team: t, title: Check, outcomes: ['yes', 'no'], form: {type: object}}}\n"


def exlify_run(tmp_path: Path, tasks: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    (tmp_path / "workflow.yaml").write_text(DOCUMENT + tasks)
    command = [sys.executable, "-m", "streams.cli", "run", str(tmp_path / "workflow.yaml"), *arguments]
    return subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE_S, env=os.environ | environment)


def test_completed_instance_is_printed_and_exits_0(tmp_path: Path) -> None:
    done = exlify_run(tmp_path, "  - a: {set: {n: '${ .n + 1 }'}}\n  - b: {set: '${ . }'}\n", "--input", '{"n": 1}')
    assert done.returncode == 0
    assert orjson.loads(done.stdout) == {
        "status": "completed",
        "output": {"n": 2},
        "error": None,
        "tasks": ["/do/0/a", "/do/1/b"],
    }


def test_faulted_instance_is_printed_and_exits_1(tmp_path: Path) -> None:
    done = exlify_run(tmp_path, "  - a: {raise: {error: {type: 'https://e.com/x', status: 409}}}\n", "--json")
    assert done.returncode == 1
    assert done.stdout.count(b"\n") == 1
    report = orjson.loads(done.stdout)
    assert (report["status"], report["output"], report["error"]["status"]) == ("faulted", None, 409)


def test_policies_can_be_tried_with_mocks_and_without_waiting(tmp_path: Path) -> None:
    (tmp_path / "mocks.yaml").write_text("ask: [{error: {reason: UNREACHED}}, {output: {n: 1}}]\n")
    ask = "  - ask: {call: http, with: {method: get, endpoint: 'https://a.example.com'}, metadata: {recovery: %s}}\n"
    arguments = ("--mock", str(tmp_path / "mocks.yaml"), "--virtual-time", "--json")
    done = exlify_run(tmp_path, ask % "{delay: {days: 9}, cap: {days: 9}, jitter: none}", *arguments)
    assert orjson.loads(done.stdout)["output"] == {"n": 1}
    done = exlify_run(tmp_path, ask % "{retries: 0}", *arguments)
    assert (done.returncode, orjson.loads(done.stdout)["error"]["reason"]) == (1, "UNREACHED")


@pytest.mark.parametrize(
    ("mocks", "complaint"),
    [
        ("[1]", b"not an object of tasks"),
        ("ask: [{error: {reason: ODD}}]", b"no such reason"),
        ("ask: {}", b"write {output: ...}"),
        ("other: [{output: 1}]", b"no such call"),
        ("ask: [", b"not YAML"),
    ],
)
def test_mocks_that_mean_nothing_are_refused_in_a_line(tmp_path: Path, mocks: str, complaint: bytes) -> None:
    (tmp_path / "mocks.yaml").write_text(mocks)
    ask = "  - ask: {call: http, with: {method: get, endpoint: 'https://a.example.com'}}\n"
    done = exlify_run(tmp_path, ask, "--mock", str(tmp_path / "mocks.yaml"))
    assert done.returncode == 2 and complaint in done.stderr and done.stderr.count(b"\n") == 1


def test_input_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "input.json").write_text('{"n": 7}')
    done = exlify_run(tmp_path, "  - a: {set: '${ . }'}\n", "--input", f"@{tmp_path / 'input.json'}")
    assert orjson.loads(done.stdout)["output"] == {"n": 7}


@pytest.mark.parametrize(
    "answer", ["check=yes", 'check=yes:{"a": 1}', '/do/0/check={"outcome": "yes"}', '{"check": "yes"}']
)
def test_answers_can_be_written_in_several_ways(tmp_path: Path, answer: str) -> None:
    done = exlify_run(tmp_path, HUMAN, "--answer", answer)
    assert done.returncode == 0, done.stderr
    assert orjson.loads(done.stdout)["output"]["outcome"] == "yes"


@pytest.mark.parametrize(
    ("tasks", "arguments", "complaints"),
    [
        ("  - a: {sat: {}}\n  - b: {set: 1}\n", [], [b"workflow.yaml:3:", b"workflow.yaml:4:"]),
        ("  - a: {set: {}}\n", ["--input", "{"], [b"--input: not JSON"]),
        ("  - a: {set: {}}\n", ["--input", "[" * 300 + "]" * 300], [b"--input: data cannot be taken: nested deeper"]),
        ("  - a: {set: {}}\n", ["--input", "@/no/such/file"], [b"/no/such/file: No such file"]),
        ("  - a: {set: {}}\n", ["--event", '{"id": "1"}'], [b"--event: type: is required"]),
        (HUMAN, [], [b"waits for a person of team t"]),
        (HUMAN, ["--answer", "check"], [b"Write TASK=OUTCOME"]),
        (HUMAN, ["--answer", "check=yes:{"], [b"--answer check: not JSON"]),
        (HUMAN, ["--answer", 'check={"outcome": 1}'], [b"--answer check: not an answer"]),
    ],
)
def test_what_cannot_be_used_exits_2(tmp_path: Path, tasks: str, arguments: list[str], complaints: list[bytes]) -> None:
    done = exlify_run(tmp_path, tasks, *arguments)
    assert done.returncode == 2
    assert done.stdout == b""
    lines = done.stderr.splitlines()
    assert len(lines) == len(complaints)
    assert all(complaint in line for complaint, line in zip(complaints, lines, strict=True))


def test_nothing_of_kafka_or_models_is_imported(tmp_path: Path) -> None:
    (tmp_path / "workflow.yaml").write_text(DOCUMENT + "  - a: {set: {}}\n")
    program = (
        "import sys; from streams.cli.run import command; command.main(sys.argv[1:], standalone_mode=False);"
        "print([name for name in ('faust', 'aiokafka', 'onnxruntime', 'sqlalchemy', 'aiohttp') if name in sys.modules])"
    )
    arguments = [sys.executable, "-c", program, str(tmp_path / "workflow.yaml"), "--json"]
    done = subprocess.run(arguments, capture_output=True, check=True, timeout=PATIENCE_S)
    assert done.stdout.splitlines()[1] == b"[]"


OWN = """{"type": "record", "name": "shop.Paid", "ce_type": "com.example.paid.v1", "fields": [
  {"name": "order", "type": "string"}, {"name": "cents", "type": "long"}]}"""
TAKES = """  - paid: {listen: {to: {one: {with: {type: com.example.paid.v1, data: '${ .order == "O-1" }'}}}}}
  - tell: {emit: {event: {with: {type: com.example.paid.v1, source: /x, data: %s}}}}
"""


@pytest.mark.parametrize(
    ("schema", "paid", "told", "code", "said"),
    [
        (OWN, '{"order": "O-1", "cents": 5}', "{order: O-1, cents: 5}", 0, b'"completed"'),
        (OWN, '{"order": "O-1"}', "{order: O-1, cents: 5}", 2, b"cents"),  # at the door
        (OWN, '{"order": "O-1", "cents": 5}', "{order: O-1}", 1, b"cents"),  # of a task
        ("[", '{"order": "O-1", "cents": 5}', "{order: O-1, cents: 5}", 2, b"paid.avsc: not JSON"),
        (OWN.replace("paid.v1", "v1\\u0020"), "{}", "{}", 2, b"paid.avsc: `ce_type`"),
    ],
)
def test_types_of_the_site_folder_are_known(
    tmp_path: Path, schema: str, paid: str, told: str, code: int, said: bytes
) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "paid.avsc").write_text(schema)
    event = f'{{"type": "com.example.paid.v1", "id": "1", "data": {paid}}}'
    done = exlify_run(tmp_path, TAKES % told, "--event", event, "--json", EXLIFY_SITE_DIR=str(tmp_path))
    assert (done.returncode, said in done.stdout + done.stderr) == (code, True), done.stdout + done.stderr
