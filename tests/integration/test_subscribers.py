"""What the page says about reading outcomes is what its readers print: kcat, and those of typed outcomes."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.artifacts import default_cache_dir, locked
from schemas.codec import Codec
from schemas.ids import Key
from schemas.messages import HISTORY_ENTRY
from streams import engine
from streams.catalogue import load_settings
from streams.definitions import outcome_topic
from streams.definitions.deploy import described
from streams.definitions.outcome_types import OutcomeType, declared, registered
from streams.ground.provision import provision
from streams.ground.publish import Outgoing, Publisher
from streams.ground.settings import Settings
from streams.processors.lifecycle import LIFECYCLE
from streams.processors.lifecycle.processor import Lifecycle
from streams.processors.orchestrate import HISTORY
from streams.processors.orchestrate.outcome import output
from streams.runtime.processor import Message, Record
from tests.support.contexts import context
from tests.support.data import payload
from tests.support.definitions import empty_book, load
from tests.support.gateways import AsyncGateway
from tests.support.tables import Table
from tests.support.waiting import PATIENCE_S

PAGE = (Path(__file__).parents[2] / "streams" / "README.md").read_text()
INSTANCE = f"{7:032x}"
GREETING = "document: {dsl: '1.0.3', namespace: sales, name: greeting, version: '1.0.0'}\ndo: [{a: {wait: PT1S}}]"

pytestmark = [pytest.mark.broker]


async def ended(kafka: str, workflow: str, told: dict[str, object], typed: OutcomeType | None = None) -> None:
    """An instance of a workflow has ended."""
    settings = Settings(bootstrap=kafka)
    found = engine.Outcome(
        instance_id=INSTANCE, workflow=workflow, version="1.0.0", digest="d" * 64, status="completed",
        output=payload(told), error=None, business_key=Key("G-7"), source="/reception",
        event_id=Key("guest-7"), started_at_ms=1, ended_at_ms=2,
    )  # fmt: skip
    await provision(settings, [outcome_topic(workflow)])
    record = output(Codec.offline(), found, typed)
    assert record.key is not None and record.value is not None
    async with Publisher(settings) as publisher:
        await publisher.publish([Outgoing(record.topic, record.key, record.value, record.headers)])


@pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not here: make peers")
async def test_kcat_shows_who_ended_how(kafka: str) -> None:
    await ended(kafka, "greeting", {"greeting": "Welcome"})
    found = re.search(r"^(kcat .*)\n```\n\n```\n(.*)\n```$", PAGE, re.MULTILINE)
    assert found is not None
    command = found[1].replace("127.0.0.1:9092", kafka)
    done = await asyncio.to_thread(
        subprocess.run, command, shell=True, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert found[2] in done.stdout.splitlines(), done.stdout + done.stderr


async def test_what_happens_is_heard_as_the_page_says(kafka: str, tmp_path: Path) -> None:
    section = PAGE[PAGE.index("## I want to hear what happens") :]
    settings = load_settings({"EXLIFY_BOOTSTRAP": kafka, "EXLIFY_LIFECYCLE_EVENTS": "instances"})
    await provision(settings, [LIFECYCLE])
    graph = load(GREETING)
    book = empty_book()
    book.learn(described(graph, GREETING, "test", 0))
    change = {"pointer": "", "iteration": 0, "attempt": 0, "phase": "workflow.started", "data": None}
    entry = {
        "instance_id": INSTANCE, "seq": 0, "at_ms": 1, "workflow": "greeting", "version": "1.0.0",
        "digest": graph.digest, "status": "running", "business_key": None, "cause": b"", "transitions": [change],
    }  # fmt: skip
    message = Message(Record(HISTORY.name, 0, 0, 1, INSTANCE.encode(), b""), HISTORY_ENTRY, entry)
    made = Lifecycle(context(Codec.offline(), settings, book)).handle([message], Table()).outputs
    async with Publisher(settings) as publisher:
        await publisher.publish(
            [Outgoing(each.topic, each.key or b"", each.value or b"", each.headers) for each in made]
        )
    command, shown = re.findall(r"^```(?:sh)?\n(.*?)\n```$", section, re.MULTILINE | re.DOTALL)[:2]
    if shutil.which("kcat") is not None:
        command = command.replace("127.0.0.1:9092", kafka)
        done = await asyncio.to_thread(
            subprocess.run, command, shell=True, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        assert shown in done.stdout.splitlines(), done.stdout + done.stderr
    found = re.search(r"^```python\n(.*?)^```\n\n```\n(.*?)\n```$", section, re.MULTILINE | re.DOTALL)
    assert found is not None
    (tmp_path / "heard.py").write_text(found[1].replace("127.0.0.1:9092", kafka))
    assert await _first_line([sys.executable, str(tmp_path / "heard.py")]) == found[2]


async def test_subscribers_of_typed_outcomes_print_what_the_page_says(kafka: str, tmp_path: Path) -> None:
    section = PAGE[PAGE.index("### As records with a type") :]
    (yaml,) = re.findall(r"^```yaml\n(document:.*?)^```$", section, re.MULTILINE | re.DOTALL)[:1]
    graph, codec = load(yaml), Codec.offline()
    typed = await registered(codec, declared(graph))
    assert typed is not None
    codec.know(typed.id, typed.schema)  # as who follows definitions does
    await ended(kafka, graph.name, json.loads(json.dumps(graph.document["do"]))[0]["accept"]["set"], typed)
    async with AsyncGateway(Settings(data_dir=tmp_path), codec=codec) as gateway:
        await _read_as_the_page_says(section, kafka, str(gateway.client.make_url("")).rstrip("/"), tmp_path)


async def _read_as_the_page_says(section: str, kafka: str, address: str, folder: Path) -> None:
    for language, command in (("python", [sys.executable]), ("java", _java())):
        found = re.search(rf"^```{language}\n(.*?)^```\n\n```\n(.*?)\n```$", section, re.MULTILINE | re.DOTALL)
        assert found is not None
        if not command:
            continue  # no JDK here
        file = folder / {"python": "outcomes.py", "java": "Outcomes.java"}[language]
        file.write_text(found[1].replace("127.0.0.1:9092", kafka).replace("http://127.0.0.1:8080", address))
        assert await _first_line([*command, str(file)]) == found[2]


def _java() -> list[str]:
    """What runs a Java source file, with the libraries that the local servers bring; nothing where there is no JDK."""
    if shutil.which("javac") is None:
        return []
    cache = default_cache_dir()
    avro = sorted(cache.rglob("org.apache.avro.avro-*.jar"))[-1:]
    jars = [path for each in locked("kafka") if (path := each.path(cache)).suffix == ".jar" and path.exists()]
    return ["java", "-cp", ":".join(map(str, [*jars, *avro]))] if jars and avro else []


async def _first_line(command: list[str]) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None and process.stderr is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            line = await process.stdout.readline()
            return line.decode().rstrip("\n") or (await process.stderr.read()).decode()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
