"""What is said to take two files takes two files: the recipes are carried out on a copy of the tree."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
AVSC = "schemas/avro/exlify.HumanTask.avsc"
FIELDS = "streams/processors/human/fields.py"
CHANGED = {
    AVSC: (
        '    {"name": "form", "type": "bytes"',
        '    {"name": "priority", "type": "string", "default": "normal", "doc": "How urgent it is."},\n',
    ),
    FIELDS: (
        '    Field(\n        name="outcomes",',
        '    Field(name="priority", label="priority", place=Place.TABLE, argument=Argument(name="priority",\n'
        '          summary="How urgent it is.", kind=Kind.CHOICE, choices=("low", "normal", "high"),\n'
        '          example="priority: high")),\n',
    ),
}
SEEN = '''
import asyncio, json, tempfile
from pathlib import Path
from click.testing import CliRunner
from schemas.messages import HUMAN_TASK, STEP_RESULT
from streams.cli import group
from streams.gateway.openapi import document
from streams.gateway.server import ROUTES
from streams.ground.settings import Settings
from streams.processors.human.task import decode_task, encode_task
from tests.support.definitions import check
from tests.unit.gateway.conftest import AsyncGateway
from tests.unit.processors.test_human import Desk, command

DEFINITION = """
document: {dsl: 1.0.3, namespace: test, name: order, version: 1.0.0}
do:
  - ask: {call: human, with: {team: t, title: Review, outcomes: [yes, no], priority: %s}}
"""
assert check(DEFINITION % "high") == []
(fault,) = check(DEFINITION % "urgent")
assert "priority" in fault.message and "high" in fault.message + fault.remedy, fault

desk = Desk()
(task,) = desk.decoded(desk.deliver(command(priority="high")), HUMAN_TASK)
assert task["priority"] == "high"
assert Desk().decoded(Desk().deliver(command()), HUMAN_TASK)[0]["priority"] == "normal"
(result,) = desk.decoded(Desk().deliver(command(priority="urgent")), STEP_RESULT)
assert "priority" in result["error"]["detail"]

(row,) = desk.table.rows.values()
assert decode_task(row.value).fields["priority"] == "high"

async def see():
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncGateway(Settings(data_dir=Path(folder))) as gateway:
            gateway.see(HUMAN_TASK, task)
            status, page = await gateway.ask("GET", "/v1/tasks")
            assert (status, page["tasks"][0]["priority"]) == (200, "high")
            environ = {"EXLIFY_GATEWAY_URL": str(gateway.client.make_url("")), "EXLIFY_DATA_DIR": folder}
            runner = CliRunner(env=environ)
            listed = await asyncio.to_thread(runner.invoke, group, ["tasks"])
            assert "PRIORITY" in listed.output and "high" in listed.output, listed.output
            shown = await asyncio.to_thread(runner.invoke, group, ["tasks", "show", task["task_id"]])
            assert "priority" in shown.output

asyncio.run(see())
described = json.dumps(document(ROUTES)["paths"]["/v1/tasks"])
assert '"priority": {"type": "string", "enum": ["low", "normal", "high"]}' in described
print("seen everywhere")
'''


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project, of which schemas and streams may be changed."""
    for name in ("schemas", "streams"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("connectors", "models", "infra", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def test_field_of_a_task_takes_two_files(copy: Path) -> None:
    for file, (before, row) in CHANGED.items():
        text = (copy / file).read_text()
        assert text.count(before) == 1
        (copy / file).write_text(text.replace(before, row + before))
    done = subprocess.run([sys.executable, "-c", SEEN], cwd=copy, capture_output=True, text=True, timeout=120)
    assert done.stdout == "seen everywhere\n", done.stderr[-3000:]
