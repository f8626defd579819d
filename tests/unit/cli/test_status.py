"""The one page: worst first, each line with what helps; what could not be asked is said, and is no success."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from streams.cli import SUMMARIES, status
from streams.cli._findings import Finding, State, of_figures, of_kafka, of_process, of_topics, worst_first
from streams.ground.causes import Cause
from streams.ground.status import status_routes
from streams.runtime.parking import PARKING
from tests.support.commands import exlify

QUIET: dict[str, Any] = {
    "instances": {
        "pending": 0,
        "running": 1,
        "waiting": 2,
        "incident": 0,
        "cancelled": 0,
        "faulted": 0,
        "completed": 9,
    },
    "faulted_lately": 0,
    "incidents": 0,
    "oldest": [{"workflow": "order", "started_at": "2026-09-21T14:13:20.000Z"}],
    "tasks": {"open": 4, "overdue": 0},
    "definitions": {"known": 1, "broken": []},
}


def topic(name: str = "t", **changes: Any) -> dict[str, Any]:
    return {"topic": name, "records": 0, "lag": {}, "shortened": [], "complete": True} | changes


def test_quiet_system_is_told_in_a_few_lines() -> None:
    found = [*of_process("engine", [], "log"), *of_kafka([]), *of_topics([topic(lag={"call": 3})], {"call": 1})]
    found += of_figures(QUIET)
    assert {each.state for each in found} == {State.OK}
    assert Finding(State.OK, "processor call", "3 records to read") in found


@pytest.mark.parametrize(
    ("found", "state", "told", "help_"),
    [
        (of_process("engine", None, "logs/engine.log"), State.DOWN, "does not answer", "logs/engine.log"),
        (
            of_process("engine", [{"part": "call", "reason": "partition 2 stands"}], "logs/engine.log"),
            State.DOWN, "call: partition 2 stands", "logs/engine.log",
        ),
        (
            of_process("steps", [{"part": "channels.yaml", "reason": "line 3: x", "mild": True}], "logs/steps.log"),
            State.WATCH, "channels.yaml: line 3: x", "logs/steps.log",
        ),
        (of_kafka(["has too few replicas in sync to take records for t"]), State.DOWN, "too few replicas", "topics"),
        (of_topics([topic(lag={"call": 7})], {"call": 0}), State.DOWN, "no worker runs it, 7 records", "worker call"),
        (of_topics([topic(lag={"call": 5_000})], {"call": 1}), State.WATCH, "5000 records", "exlify topics"),
        (of_topics([topic(PARKING.name, records=2)], {}), State.WATCH, "2 records could not", "exlify letters"),
        (of_topics([topic(shortened=["call"])], {"call": 1}), State.DOWN, "has read more", "exlify topics"),
        (of_topics([topic(complete=False)], {}), State.UNKNOWN, "do not answer", "exlify topics"),
        (of_figures(QUIET | {"faulted_lately": 1}), State.WATCH, "1 instance within a day", "--status faulted"),
        (of_figures(QUIET | {"incidents": 1}), State.WATCH, "1 failed step to decide on", "exlify incidents"),
        (of_figures(QUIET | {"tasks": {"open": 4, "overdue": 2}}), State.WATCH, "2 tasks of 4", "--overdue"),
        (of_figures(QUIET | {"definitions": {"broken": ["w 1.0.0: x"]}}), State.DOWN, "w 1.0.0", "exlify deploy"),
    ],
)  # fmt: skip
def test_trouble_comes_first_with_what_helps(found: Any, state: State, told: str, help_: str) -> None:
    first = worst_first(found)[0]
    assert first.state is state and told in first.what and help_ in (first.help or "")
    assert set(re.findall(r"exlify (\w+)", first.help or "")) <= set(SUMMARIES)


async def test_process_is_asked_for_its_causes() -> None:
    causes = [Cause("kafka", "does not answer")]

    async def ready() -> list[Cause]:
        return causes

    app = web.Application()
    app.add_routes(status_routes(ready))
    async with TestServer(app) as server:
        url = str(server.make_url("/readyz"))
        ask = asyncio.to_thread
        assert await ask(status._causes, url) == [{"part": "kafka", "reason": "does not answer"}]
        causes.clear()
        assert await ask(status._causes, url) == []
    assert await ask(status._causes, url) is None


def test_page_says_where_it_is_incomplete(tmp_path: Any) -> None:
    """Kafka, gateway and processes are away: each is a line, nothing hangs, and the exit code says so."""
    (tmp_path / "endpoints.json").write_text(json.dumps({"metrics": {"engine": "http://127.0.0.1:1/metrics"}}))
    away = {
        "EXLIFY_DATA_DIR": str(tmp_path), "EXLIFY_BOOTSTRAP": "127.0.0.1:1", "EXLIFY_REGISTRY_URL": "http://127.0.0.1:1",
        "EXLIFY_GATEWAY_URL": "http://127.0.0.1:1",
    }  # fmt: skip
    told = exlify("status", **away)
    assert (told.returncode, "Traceback" in told.stderr, "incomplete" in told.stderr) == (69, False, True)
    lines = [line for line in told.stdout.splitlines() if "→" not in line]
    assert [line.split()[0] for line in lines] == sorted(
        (line.split()[0] for line in lines), key=("down", "unknown").index
    )
    assert {"process engine", "kafka", "registry", "instances", "processors"} <= {
        line.split(None, 1)[1].partition(":")[0] for line in lines
    }
