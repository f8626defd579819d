"""Models under watch on a whole site: audits, truth from a file, an alarm, and no label lost or counted twice by kills.

Behind the mark `crash`, since it kills processes.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from models.making.rows import read_rows
from models.serving.registry import Registry
from tests.acceptance.site import ASK, Site, ended
from tests.crash.hosts import HOSTED_BY, points
from tests.crash.points import KILLED, LATER
from tests.support.model_folders import models_folder

pytestmark = [pytest.mark.crash, pytest.mark.broker]
CASES = 60
WORKFLOW, EVENT, MODEL = "watched-lending", "acceptance.watched.v1", "watched"
KILLED_EVENT, KILLED_MODEL = "acceptance.outlived.v1", "outlived"
LEARNING = '\n[learning]\ntrainer = ["false"]\nlabels = 50\n'
APPLICATION = dict(Registry().get("credit-risk").card.reference.values)
DEFINITION = f"""
document: {{dsl: '1.0.3', namespace: acceptance, name: {WORKFLOW}, version: '1.0.0'}}
schedule: {{on: {{one: {{with: {{type: {EVENT}}}}}}}}}
do:
  - assess: {{call: decide, with: {{model: {MODEL}, input: {json.dumps(APPLICATION)}}}}}
  - byRoute:
      switch:
        - alone: {{when: .route == "approve", then: end}}
  - review: {{call: human, with: {{team: lending, title: Review, outcomes: [approve, reject]}}}}
"""


async def test_alarm_suspends_the_model_and_kills_lose_no_label(site: Site, tmp_path: Path) -> None:
    models_folder(site.settings.data_dir / "site" / "models", MODEL, more=LEARNING)
    ours = ClientSession(site.gateway, timeout=ASK, raise_for_status=True)
    async with ours as http:
        (active,) = await _command(site, 0, "models", "activate", f"{MODEL}@1", "--audit", "100", "--json")
        assert (active["published"], active["audit"]) == (True, 100)
        await http.post("/v1/definitions", data=DEFINITION, headers={"Content-Type": "application/yaml"})
        for number in range(CASES):
            await _publish(http, number)
            if number == CASES // 2:
                site.kill("steps")
        await site.ready("steps")
        await site.until(lambda: _count(http, "/v1/tasks", "tasks", CASES, team="audit"), "a blind task for each case")
        decisions = await _every(http, "/v1/decisions", "decisions", model=MODEL)
        assert {each["route"] for each in decisions} == {"approve"}

        tasks = await _every(http, "/v1/tasks", "tasks", team="audit")
        for task in tasks[:10]:  # people answer some of them; the truth about all comes from a file
            await http.post(f"/v1/tasks/{task['task_id']}/complete", json={"outcome": "approve", "actor": "kim"})
        await site.until(lambda: _watched(http, labels=10, wrong=0), "their labels")
        file = tmp_path / "truth.csv"
        lines = [f"{each['decision_id']},not-approve,2030-01-31T12:00:00Z" for each in decisions]
        file.write_text("decision_id,label,at\n" + "\n".join(lines) + "\n")
        await asyncio.gather(_command(site, 0, "truth", "import", str(file), "--json"), _killed(site))
        await site.ready("steps")
        await _command(site, 0, "truth", "import", str(file), "--json")  # once more, and nothing counts twice
        await site.until(lambda: _watched(http, labels=CASES + 10), "every label, once")
        await site.until(lambda: _suspended(site), "the model suspended")
        (found,) = (await _get(http, "/v1/model-watches", model=MODEL))["watches"]
        assert found["alarmed"] is not None and found["contradictions"] == 10
        assert found["audits"] - found["wrong"] == 10

        data = tmp_path / "labels.csv"
        (told,) = await _command(site, 0, "models", "labels", MODEL, str(data), "--json")
        rows = read_rows(data).cases
        assert told["rows"] == len(rows) == len({row["decision_id"] for row in rows}) == CASES
        assert [row["label"] for row in rows].count("approve") == 10
        assert {row["amount_dm"] for row in rows} == {APPLICATION["amount_dm"]}

        again = tmp_path / "again.csv"
        (once_more,) = await _command(site, 0, "models", "labels", MODEL, str(again), "--of", told["set"], "--json")
        assert (once_more["sha256"], again.read_bytes()) == (told["sha256"], data.read_bytes())
        (known,) = (await _command(site, 0, "models", "label-sets", MODEL, "--json"))[0]["sets"]
        assert (known["later"], known["contradicting"], known["sources"]) == (
            10,
            10,
            {"audit": 10, "import": CASES - 10},
        )

        (learned,) = await _command(site, 3, "models", "learn", MODEL, "--json")  # so few prove nothing yet
        assert learned["labels"] == told["set"]
        assert [(each["gate"], each["passed"]) for each in learned["gates"]] == [("labels", True), ("split", False)]
        assert (learned["gates"][0]["figures"]["labels"], learned["candidate"]) == (CASES, None)
        assert await _suspended(site)

        assert await _command(site, 2, "models", "resume", MODEL) == []  # not by the certificate that was found wanting
        await _publish(http, CASES)
        await site.until(lambda: _count(http, "/v1/tasks", "tasks", 1, team="lending"), "people decide")
        await site.until(lambda: _count(http, "/v1/alerts", "alerts", 1, kind="model"), "an alert")


async def test_kills_at_every_point_lose_and_double_no_label(site: Site, tmp_path: Path) -> None:
    models_folder(site.settings.data_dir / "site" / "models", KILLED_MODEL)
    worker, each = HOSTED_BY["monitor"], 6
    ours = ClientSession(site.gateway, timeout=ASK, raise_for_status=True)
    async with ours as http:
        await _command(site, 0, "models", "activate", f"{KILLED_MODEL}@1", "--audit", "100", "--json")
        definition = DEFINITION.replace(MODEL, KILLED_MODEL).replace(EVENT, KILLED_EVENT).replace(WORKFLOW, "killed")
        await http.post("/v1/definitions", data=definition, headers={"Content-Type": "application/yaml"})
        told: set[str] = set()
        for number, point in enumerate(points("monitor")):
            site.workers.stop(worker)
            site.workers.start(worker, crash_at=f"monitor:{point}:{LATER.get(point, 2)}", restarts=False)
            for case in range(each * number, each * number + each):
                await _publish(http, case, KILLED_EVENT)
            decisions = await _every(http, "/v1/decisions", "decisions", model=KILLED_MODEL)
            file = tmp_path / f"truth-{number}.csv"  # of those that are known by now
            told |= {found["decision_id"] for found in decisions}
            file.write_text("decision_id,label\n" + "\n".join(f"{key},approve" for key in sorted(told)) + "\n")
            if told:
                await _command(site, 0, "truth", "import", str(file), "--json")
            assert await ended(site, worker) == KILLED, f"monitor did not reach {point}"
            site.start(worker)
            await site.ready(worker)
        count = each * len(points("monitor"))
        await site.until(lambda: _count(http, "/v1/decisions", "decisions", count, model=KILLED_MODEL), "decisions")
        decisions = await _every(http, "/v1/decisions", "decisions", model=KILLED_MODEL)
        file.write_text("decision_id,label\n" + "\n".join(f"{found['decision_id']},approve" for found in decisions))
        await _command(site, 0, "truth", "import", str(file), "--json")
        await site.until(lambda: _watched(http, KILLED_MODEL, audits=count, wrong=0), "each decision, once")
        await site.quiet()
        await site.until(lambda: _watched(http, KILLED_MODEL, audits=count, labels=count, wrong=0), "and none twice")


async def _killed(site: Site) -> None:
    for name in ("steps", "engine"):
        site.kill(name)
        await site.ready(name)


async def _publish(http: ClientSession, number: int, kind: str = EVENT) -> None:
    headers = {"ce-specversion": "1.0", "ce-id": f"w{number}", "ce-source": "/acceptance", "ce-type": kind}
    await http.post("/v1/events", json={}, headers=headers)


async def _get(http: ClientSession, path: str, **query: str) -> Any:
    reply = await http.get(path, params=query)
    return await reply.json()


async def _every(http: ClientSession, path: str, member: str, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await _get(http, path, limit="500", **query))[member]
    return found


async def _count(http: ClientSession, path: str, member: str, count: int, **query: str) -> bool:
    return len(await _every(http, path, member, **query)) == count


async def _watched(http: ClientSession, model: str = MODEL, **fields: int) -> bool:
    watches = (await _get(http, "/v1/model-watches", model=model))["watches"]
    return [{name: each[name] for name in fields} for each in watches] == [fields]


async def _suspended(site: Site) -> bool:
    (history,) = await _command(site, 0, "models", "history", MODEL, "--json")
    return [each["by"] for each in history if each["state"] == "suspended"][-1:] == ["exlify monitor"]


async def _command(site: Site, code: int, *arguments: str) -> list[Any]:
    """What a command prints, if it is JSON."""
    environ = {
        **os.environ, "EXLIFY_GATEWAY_URL": site.gateway, "EXLIFY_DATA_DIR": str(site.settings.data_dir),
        "EXLIFY_SITE_DIR": str(site.settings.data_dir / "site"), "EXLIFY_BOOTSTRAP": site.settings.bootstrap,
        "EXLIFY_REGISTRY_URL": "none",
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "streams.cli", *arguments, cwd=Path(__file__).parents[2], env=environ,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, errors = await process.communicate()
    assert process.returncode == code, errors.decode()
    return [json.loads(said)] if said.strip() else []
