"""The suite that every connector must pass, whatever system it speaks to, and every operation, whatever it does there.

Connectors and operations come from the catalogue: one that has no case in `tests/support/connector_cases.py` fails.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from connectors.assembly import made
from connectors.declaration import Declaration
from connectors.hub.connections import Connections
from connectors.hub.contract import AnyConnector, HubCall, Plan, Refused
from connectors.hub.operations import bound
from connectors.hub.outcome import CallOutcome, to_problem
from connectors.hub.policy import Policy
from schemas.functions import EffectClass, Function, Kind
from schemas.reasons import Effect, Reason
from tests.support.connector_cases import ALL, CASES, Case


@dataclass
class Bench:
    """A connector that is open, on the systems of its case."""

    case: Case
    declaration: Declaration
    connector: AnyConnector

    def plan(self, call: HubCall) -> Plan[Any]:
        return bound(self.declaration, self.connector)[call.function].plan(call)

    def refusal(self, call: HubCall, **changed: Any) -> CallOutcome:
        """What is said of the call with other arguments, which must be refused; None: left out."""
        arguments = {name: value for name, value in {**call.arguments, **changed}.items() if value is not None}
        with pytest.raises(Refused) as refused:
            self.plan(dataclasses.replace(call, arguments=arguments))
        return refused.value.outcome

    async def outcome(self, call: HubCall, timeout_s: float = 2.0) -> CallOutcome:
        return await self.connector.call(self.plan(call), timeout_s)


On = tuple[Bench, Function, tuple[HubCall, ...]]  # one operation, and its calls that succeed


@asynccontextmanager
async def opened(declaration: Declaration, folder: Path) -> AsyncIterator[Bench]:
    async with CASES[declaration.name](folder) as case:
        connector = made(declaration, Connections(case.connections, case.identity_of, case.api_of), Policy())
        await connector.open()
        yield Bench(case, declaration, connector)
        await connector.close()


@pytest.fixture(params=ALL, ids=lambda each: each.name)
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    async with opened(request.param, tmp_path) as it:
        yield it


@pytest.fixture(
    params=[(each, operation) for each in ALL for operation in each.operations],
    ids=lambda pair: pair[1].name,
)
async def on(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[On]:
    declaration, operation = request.param
    async with opened(declaration, tmp_path) as it:
        yield it, operation, it.case.calls[operation.name]


async def test_success_has_the_effect_of_its_class(on: On) -> None:
    bench, _, calls = on
    for call in calls:
        outcome = await bench.outcome(call)
        assert outcome.ok
        assert outcome.effect is (Effect.DONE if bench.plan(call).effect.effectful else Effect.NONE)


async def test_output_is_what_the_declaration_says(on: On) -> None:
    bench, operation, calls = on
    for call in calls:
        Draft202012Validator(operation.output).validate((await bench.outcome(call)).output)


async def test_no_time_left_means_no_effect(on: On) -> None:
    bench, _, calls = on
    for call in calls:
        outcome = await bench.outcome(call, timeout_s=0.0)
        assert not outcome.ok and outcome.effect is Effect.NONE


async def test_unknown_arguments_are_refused(on: On) -> None:
    bench, _, (call, *_) = on
    assert "surprise" in bench.refusal(call, surprise=1).detail


async def test_missing_arguments_are_refused_by_name(on: On) -> None:
    bench, operation, (call, *_) = on
    for argument in operation.arguments:
        if argument.required:
            outcome = bench.refusal(call, **{argument.name: None})
            assert outcome.reason is Reason.INPUT_INVALID
            assert outcome.detail == f"{operation.name}: {argument.name} is missing; write {argument.example}"


async def test_wrong_arguments_are_refused_by_name_and_not_quoted(on: On) -> None:
    bench, operation, (call, *_) = on
    for argument in operation.arguments:
        if argument.kind is not Kind.ANY:
            wrong = {"Jane": 1} if argument.kind is Kind.CHOICES else ["Jane"]
            outcome = bench.refusal(call, **{argument.name: wrong})
            assert (outcome.reason, outcome.effect) == (Reason.INPUT_INVALID, Effect.NONE)
            assert outcome.detail.startswith(f"{operation.name}: {argument.name} ")
            assert "Jane" not in outcome.detail


async def test_effect_is_declared_once_or_judged(on: On) -> None:
    bench, operation, calls = on
    for call in calls:
        claimed = dataclasses.replace(call, effect=EffectClass.KEYED)
        assert bench.plan(claimed).effect is (operation.effect or EffectClass.KEYED)
        if operation.effect is not None:
            assert bench.plan(call).effect is operation.effect


async def test_calls_of_one_system_share_a_connection(bench: Bench) -> None:
    calls = [call for calls in bench.case.calls.values() for call in calls]
    assert len({(bench.plan(call).connection, bench.plan(call).address) for call in calls}) == 1


async def test_unreached_system_was_not_changed(bench: Bench) -> None:
    outcome = await bench.outcome(bench.case.hopeless)
    assert not outcome.ok and outcome.effect is Effect.NONE
    assert outcome.meaning.trips


async def test_failures_become_complete_problems(bench: Bench) -> None:
    problem = to_problem(await bench.outcome(bench.case.hopeless), "/do/0/x")
    assert problem["detail"] and problem["reason"] and problem["status"] >= 400


@pytest.mark.parametrize("declaration", ALL, ids=lambda each: each.name)
async def test_every_operation_has_a_case(declaration: Declaration, tmp_path: Path) -> None:
    assert declaration.name in CASES, f"write a case for {declaration.name} and put it into CASES"
    async with CASES[declaration.name](tmp_path) as case:
        assert case.calls.keys() == {operation.name for operation in declaration.operations}
        assert all(case.calls.values())
