"""Calls against the sandbox as `exlify up` runs it: a process of its own, with ledgers of what really happened."""

from __future__ import annotations

import asyncio
import json
import os
import select
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from connectors.assembly import standard_hub
from connectors.hub.pipeline import CallLimits, Hub
from streams.processors.call.processor import carry_out
from tests.support.data import payload
from tests.support.waiting import PATIENCE_S

QUICK = CallLimits(try_timeout_s=2.0)
ACCOUNT = {"account": {"applicationId": "A-1", "givenName": "Ada", "familyName": "M\u00fcller & S\u00f6hne"}}


class Sandbox:
    """The running sandbox, and its control interface."""

    def __init__(self, folder: Path) -> None:
        self._command = [sys.executable, "-m", "infra.sandbox", "--data", str(folder)]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.addresses: dict[str, str] = json.loads(self.process.stdout.readline())

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(PATIENCE_S)

    async def fault(self, **order: Any) -> None:
        url = self.addresses["control"] + "/faults"
        async with aiohttp.request("POST", url, json=order) as response:
            assert response.status == 200

    async def ledger(self, system: str) -> dict[str, Any]:
        async with aiohttp.request("GET", f"{self.addresses['control']}/ledger/{system}") as response:
            found: dict[str, Any] = await response.json()
            return found


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    started = Sandbox(tmp_path)
    yield started
    assert started.stop() == 0


@pytest.fixture
async def hub(sandbox: Sandbox) -> AsyncIterator[Hub]:
    async with standard_hub(sandbox.addresses, limits=QUICK) as opened:
        yield opened


def command(function: str, arguments: dict[str, Any], effect: str | None = "keyed", attempt: int = 0) -> dict[str, Any]:
    step = {"instance_id": "ab" * 16, "pointer": "/do/0/x", "iteration": 0, "attempt": attempt}
    return {**step, "function": function, "arguments": payload(arguments), "effect": effect, "deadline_ms": None}


def provision() -> dict[str, Any]:
    headers = {"content-type": "application/xml"}
    return command(
        "http", {"method": "post", "endpoint": "connection://erp/erp/accounts", "headers": headers, "body": ACCOUNT}
    )


async def test_account_is_opened_through_xml(hub: Hub, sandbox: Sandbox) -> None:
    result = await carry_out(provision(), hub)
    created = result["output"].value()["accountCreated"]
    assert created["status"] == "active" and len(created["number"]) == 10
    assert (await sandbox.ledger("erp"))["effects"] == 1


async def test_identity_is_verified_through_json(hub: Hub) -> None:
    arguments = {
        "method": "post",
        "endpoint": "connection://identity/identity/verifications",
        "body": {"applicant": {"given_name": "Ada"}},
    }
    result = await carry_out(command("http", arguments), hub)
    assert result["output"].value()["status"] in ("verified", "refused")


async def test_compliance_is_asked_and_told_through_sql(hub: Hub) -> None:
    ask = "SELECT list FROM sanctioned WHERE given_name = :given AND family_name = :family"
    person = {"given": "Viktor", "family": "Marlowe"}
    asked = await carry_out(
        command("sql.query", {"connection": "compliance", "statement": ask, "parameters": person}, None), hub
    )
    assert asked["output"].value() == {"rows": [{"list": "EX-SDN"}], "count": 1}
    tell = (
        "INSERT INTO checks (step_id, application_id, result) VALUES (:step_id, :application, 'hit')"
        " ON CONFLICT (step_id) DO NOTHING"
    )
    arguments = {"connection": "compliance", "statement": tell, "parameters": {"application": "A-1"}}
    counts = [(await carry_out(command("sql.execute", arguments, None), hub))["output"].value()["count"] for _ in "12"]
    assert counts == [1, 0]


async def done(step: dict[str, Any], hub: Hub) -> dict[str, Any]:
    """The result of a step that is tried again, as `recover` does, until it has one."""
    while (result := await carry_out(step, hub))["status"] != "completed":
        held_back = result["error"]["reason"] == "UNREACHED"
        assert result["error"]["effect"] == ("none" if held_back else "unknown")
    return result


async def test_lost_answer_does_not_open_a_second_account(hub: Hub, sandbox: Sandbox) -> None:
    await sandbox.fault(system="erp", error_rate=1.0, drop_connection=True, when="after", times=1)
    result = await done(provision(), hub)
    ledger = await sandbox.ledger("erp")
    assert result["status"] == "completed"
    assert (ledger["requests"], ledger["effects"], ledger["repeated"]) == (2, 1, [])


async def test_lost_answer_to_a_blind_call_is_left_in_doubt(hub: Hub, sandbox: Sandbox) -> None:
    await sandbox.fault(system="erp", error_rate=1.0, drop_connection=True, when="after", times=1)
    result = await carry_out({**provision(), "effect": None}, hub)
    assert (result["error"]["reason"], result["error"]["effect"]) == ("OUTCOME_UNKNOWN", "unknown")
    assert (await sandbox.ledger("erp"))["requests"] == 1


async def test_faults_and_latency_lose_nothing_and_repeat_nothing(hub: Hub, sandbox: Sandbox) -> None:
    await sandbox.fault(system="erp", error_rate=0.4, status=500, when="after", latency_ms=5, jitter_ms=20, seed=1)

    async def one(number: int) -> str:
        body = {"account": {"applicationId": f"A-{number}"}}
        arguments = {
            "method": "post",
            "endpoint": "connection://erp/erp/accounts",
            "headers": {"content-type": "application/xml"},
            "body": body,
        }
        step = {**command("http", arguments), "pointer": f"/do/{number}/x"}
        return str((await done(step, hub))["output"].value()["accountCreated"]["number"])

    numbers = await asyncio.gather(*(one(number) for number in range(60)))
    ledger = await sandbox.ledger("erp")
    assert len(set(numbers)) == ledger["effects"] == ledger["distinct_effects"] == 60
    assert ledger["requests"] > 60


async def test_ledger_and_addresses_survive_a_kill(hub: Hub, sandbox: Sandbox) -> None:
    first = await carry_out(provision(), hub)
    before = sandbox.addresses
    sandbox.process.kill()
    sandbox.process.wait()
    sandbox.start()
    assert sandbox.addresses == before
    assert (await done(provision(), hub))["output"] == first["output"]
    assert (await sandbox.ledger("erp"))["effects"] == 1


async def test_same_key_with_another_body_is_refused(hub: Hub) -> None:
    await carry_out(provision(), hub)
    other = provision()["arguments"].value() | {"body": {"account": {"applicationId": "A-2"}}}
    result = await carry_out(command("http", other), hub)
    assert (result["error"]["status"], result["error"]["effect"]) == (422, "none")


@pytest.mark.parametrize("order", [{}, {"system": "nobody"}, {"system": "erp", "surprise": 1}])
async def test_senseless_fault_order_is_refused(sandbox: Sandbox, order: dict[str, Any]) -> None:
    async with aiohttp.request("POST", sandbox.addresses["control"] + "/faults", json=order) as response:
        assert response.status == 400


def test_sandbox_ends_with_its_parent(tmp_path: Path) -> None:
    started = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-m", "infra.sandbox", "--data", {str(tmp_path)!r}], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
sys.stdin.readline()
"""
    parent = subprocess.Popen([sys.executable, "-c", started], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    handle = os.pidfd_open(pid)
    parent.kill()
    parent.wait(PATIENCE_S)
    assert select.select([handle], [], [], PATIENCE_S)[0], "it goes on without its parent"
    os.close(handle)
