"""Commands of a system that is slow, limited or away stand in front of another's on one topic, and hold up nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from schemas.messages import STEP_COMMAND
from streams.processors import call
from streams.runtime.processor import Output
from tests.support import peers
from tests.support.journeys import settings_in, travelling
from tests.support.waiting import PATIENCE_S

IN_FRONT = 500
WORKFLOW = """
document: {{dsl: '1.0.3', namespace: tests, name: {name}, version: '1.0.0'}}
do:
  - ask: {{call: http, with: {{method: post, endpoint: {{uri: connection://{name}/x}}, body: '${{ . }}'}}}}
"""
FINE = peers.answers(peers.OK)
BUSY = peers.status(429, "Retry-After: 60")
HELD_UP = {
    "black hole": ("", [peers.never_answers]),
    "black hole with one place": ("concurrency: 1", [peers.never_answers]),
    "well until it became a black hole": ("", [*[FINE] * 100, peers.never_answers]),
    "rate": ("rate: 1/s", [FINE]),
    "quiet that it asks for": ("", [BUSY]),
    "breaker": ("patience: 1h", [*[peers.status(503)] * 5, peers.never_answers]),
}


@pytest.mark.parametrize(("limits", "script"), HELD_UP.values(), ids=HELD_UP)
async def test_step_of_another_system_passes_those_that_wait(
    tmp_path: Path, limits: str, script: Sequence[peers.Act]
) -> None:
    settings = settings_in(tmp_path)
    async with peers.peer(*script) as held, peers.peer(FINE) as other:
        own = f"held: {{url: '{held.url}', {limits}}}\nother: {other.url}\n"
        (settings.site_dir / "connections.yaml").write_text(own)
        async with travelling(settings) as journey:
            commands, failed = 0, []

            def count(output: Output) -> None:
                nonlocal commands
                commands += journey.codec.decode(output.value or b"")[0] == STEP_COMMAND

            def fail(output: Output) -> None:
                failed.append(journey.codec.decode(output.value or b"")[1]["error"]["reason"])

            journey.runtime.watch(call.DECLARATION.commands.name, count)
            journey.runtime.watch(call.DECLARATION.dead_letters.name, fail)
            graphs = {name: journey.deploy(WORKFLOW.format(name=name)) for name in ("held", "other")}
            waiting = [journey.start(graphs["held"], str(number), {"id": number}) for number in range(IN_FRONT)]
            async with asyncio.timeout(PATIENCE_S):
                while commands < IN_FRONT or not held.count:
                    await asyncio.sleep(0.01)
            outcome = await journey.outcome(journey.start(graphs["other"], data={"id": 1}))
            assert (outcome["status"], other.count) == ("completed", 1)
            assert "TIMED_OUT" not in failed and "OUTCOME_UNKNOWN" not in failed, "before any of them has got its end"
            assert len(journey.outcomes) < len(waiting)
