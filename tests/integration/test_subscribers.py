"""What the page says about reading outcomes with kcat is what kcat prints."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from schemas.codec import Codec
from schemas.ids import Key
from streams import engine
from streams.definitions import outcome_topic
from streams.ground.provision import provision
from streams.ground.publish import Outgoing, Publisher
from streams.ground.settings import Settings
from streams.processors.orchestrate.outcome import output
from tests.support.data import payload

PAGE = (Path(__file__).parents[2] / "streams" / "README.md").read_text()
INSTANCE = f"{7:032x}"

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not here: make peers"),
]


async def test_kcat_shows_who_ended_how(kafka: str) -> None:
    settings = Settings(bootstrap=kafka)
    ended = engine.Outcome(
        instance_id=INSTANCE, workflow="greeting", version="1.0.0", digest="d" * 64, status="completed",
        output=payload({"greeting": "Welcome"}), error=None, business_key=Key("G-7"), source="/reception",
        event_id=Key("guest-7"), started_at_ms=1, ended_at_ms=2,
    )  # fmt: skip
    await provision(settings, [outcome_topic("greeting")])
    record = output(Codec.offline(), ended)
    assert record.key is not None and record.value is not None
    async with Publisher(settings) as publisher:
        await publisher.publish([Outgoing(record.topic, record.key, record.value, record.headers)])
    found = re.search(r"^(kcat .*)\n```\n\n```\n(.*)\n```$", PAGE, re.MULTILINE)
    assert found is not None
    command = found[1].replace("127.0.0.1:9092", kafka)
    done = await asyncio.to_thread(
        subprocess.run, command, shell=True, capture_output=True, text=True, timeout=60, check=False
    )
    assert found[2] in done.stdout.splitlines(), done.stdout + done.stderr
