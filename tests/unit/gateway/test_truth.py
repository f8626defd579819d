"""`/v1/truth` and `/v1/model-watches`, and the commands that use them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from schemas.catalogue import current
from schemas.messages import MODEL_WATCH, TRUTH
from schemas.samples import sample
from streams.cli import group
from streams.ground.errors import UsageError
from tests.support.gateways import Gateway

DECISION = f"{'0a' * 16}/do/0/assess/0/0"


async def test_truth_is_written_under_its_instance_and_is_the_same_when_sent_again(gateway: Gateway) -> None:
    truth = {"decision_id": DECISION, "label": "approve", "at": "2026-01-31T12:00:00Z", "actor": "ada"}
    for _ in range(2):
        status, answer = await gateway.ask("POST", "/v1/truth", json={"truths": [truth]})
        assert (status, answer) == (202, {"taken": 1})
    (first, second) = gateway.outbox.decoded()
    assert first == second and first[0] == TRUTH
    fields = {name: first[1][name] for name in ("decision_id", "label", "source", "actor", "at_ms")}
    assert fields == {
        "decision_id": DECISION, "label": "approve", "source": "import", "actor": "ada", "at_ms": 1_769_860_800_000,
    }  # fmt: skip
    assert {each.key for each in gateway.outbox.records} == {b"0a" * 16}


@pytest.mark.parametrize(
    ("truth", "place"),
    [
        ({"decision_id": "x", "label": "approve"}, "truths[0].decision_id"),
        ({"decision_id": DECISION, "label": ""}, "truths[0].label"),
        ({"decision_id": DECISION, "label": "approve", "at": "tomorrow"}, "truths[0].at"),
        ({"decision_id": DECISION, "label": "approve", "why": "x"}, "truths[0].why"),
        ({"decision_id": DECISION, "label": 7}, "truths[0]"),
        ("approve", "truths[0]"),
    ],
)
async def test_what_is_no_truth_is_refused_with_its_place(gateway: Gateway, truth: Any, place: str) -> None:
    good = {"decision_id": DECISION, "label": "approve"}
    status, problem = await gateway.ask("POST", "/v1/truth", json={"truths": [truth, good]})
    assert (status, gateway.outbox.records) == (422, [])
    assert place in problem["detail"]


async def test_no_more_than_a_thousand_at_once(gateway: Gateway) -> None:
    status, problem = await gateway.ask("POST", "/v1/truth", json={"truths": [{}] * 1_001})
    assert status == 422 and "1000" in problem["detail"]


def watch(model: str, labels: int = 1) -> dict[str, Any]:
    counted = {"labels": labels, "audits": 200, "wrong": 5, "target": 0.05, "evidence": 0.25}
    return sample(current()[MODEL_WATCH]) | {"watch_id": model, "model": model, **counted, "alarmed_ms": None}


async def test_watches_are_shown_in_their_newest_state(gateway: Gateway) -> None:
    for model, labels in (("risk", 2), ("risk", 1), ("other", 1)):
        gateway.see(MODEL_WATCH, watch(model, labels))
    _, every = await gateway.ask("GET", "/v1/model-watches")
    assert [(each["model"], each["labels"]) for each in every["watches"]] == [("other", 1), ("risk", 2)]
    _, one = await gateway.ask("GET", "/v1/model-watches?model=risk")
    assert [each["model"] for each in one["watches"]] == ["risk"]


async def test_commands_tell_truth_and_show_watches(gateway: Gateway, tmp_path: Path) -> None:
    gateway.see(MODEL_WATCH, watch("risk"))
    runner = CliRunner(env={"EXLIFY_GATEWAY_URL": str(gateway.client.make_url("")), "EXLIFY_DATA_DIR": str(tmp_path)})

    async def run(*arguments: str) -> Any:
        return await asyncio.to_thread(runner.invoke, group, arguments)

    file = tmp_path / "repaid.csv"
    file.write_text(f"decision,repaid\n{DECISION},approve\n{DECISION},not-approve\n")
    told = await run("truth", "import", str(file), "--id", "decision", "--label", "repaid", "--as", "ada", "--json")
    assert (told.exit_code, json.loads(told.output)) == (0, {"taken": 2})
    assert [(data["label"], data["actor"]) for _, data in gateway.outbox.decoded()] == [
        ("approve", "ada"), ("not-approve", "ada"),
    ]  # fmt: skip
    refused = await run("truth", "import", str(file))
    assert isinstance(refused.exception, UsageError) and "decision_id" in str(refused.exception)
    shown = await run("models", "watch", "risk")
    assert shown.exit_code == 0 and "2.5%" in shown.output and "5.0%" in shown.output
