"""Every connector that speaks over a network, behind a proxy that lets connections go wrong: the ledger of the system
has what is said of a call, no call hangs, and the next one finds the way."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from connectors.hub.contract import HubCall
from connectors.hub.outcome import CallOutcome
from connectors.hub.pipeline import Hub
from schemas.functions import EffectClass
from schemas.reasons import Effect
from tests.support.connector_cases import Case, Deed
from tests.support.connector_peers import NETWORKED, Driven, behind_proxy
from tests.support.hubs import CALM
from tests.support.tcp_faults import Proxy, Wrong
from tests.support.waiting import PATIENCE_S, until

BRIEF_MS = 700
WRONG = [each for each in Wrong if each is not Wrong.NOTHING]
FEW = (Wrong.RESET_READ,)  # what make test has

every_network = pytest.mark.parametrize("driven", NETWORKED, ids=lambda each: each.name)
every_deed = pytest.mark.parametrize(
    ("driven", "deed"),
    [
        pytest.param(
            each, deed, id=f"{each.name}-{number}-{deed.operation}", marks=[pytest.mark.crash] if number else []
        )
        for each in NETWORKED
        for number, deed in enumerate({(deed.operation, deed.given): deed for deed in each.deeds}.values())
    ],
)
each_wrong = pytest.mark.parametrize(
    "wrong", [each if each in FEW else pytest.param(each, marks=pytest.mark.crash) for each in WRONG], ids=str
)
new_or_kept = pytest.mark.parametrize("kept", [False, pytest.param(True, marks=pytest.mark.crash)], ids=["new", "kept"])


@dataclass
class Behind:
    """A hub whose one system stands behind a proxy."""

    case: Case
    hub: Hub
    proxy: Proxy
    deed: Deed

    def call(self, mark: str) -> HubCall:
        """What would leave a doubt, if it were not known what came of it."""
        self.case.lays_out(mark)
        return replace(self.deed.call("here", mark), effect=EffectClass.BLIND)

    async def done(self, mark: str) -> list[str]:
        """What the ledger has of it, without drafts that nobody sees."""
        return [each for each in await self.case.has(mark) if not each.startswith(".")]

    async def made(self, mark: str) -> CallOutcome:
        """With all the time that it takes."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.hub.carry_out(self.call(mark))

    async def brief(self, mark: str) -> CallOutcome:
        """For something that will not come about."""
        deadline_ms = int(time.time() * 1_000) + BRIEF_MS
        async with asyncio.timeout(PATIENCE_S):
            return await self.hub.carry_out(replace(self.call(mark), deadline_ms=deadline_ms))


@asynccontextmanager
async def behind(
    driven: Driven, request: pytest.FixtureRequest, folder: Path, deed: Deed | None = None
) -> AsyncIterator[Behind]:
    async with driven.opened(request, folder) as case, behind_proxy(case) as (proxy, url):
        hub = driven.hub(case, CALM, url)
        await hub.__aenter__()
        try:
            yield Behind(case, hub, proxy, deed or driven.deeds[0])
        finally:
            async with asyncio.timeout(PATIENCE_S):  # whatever hangs there still
                await hub.__aexit__()


@new_or_kept
@each_wrong
@every_deed
async def test_ledger_has_what_is_said_of_a_call(
    driven: Driven, deed: Deed, wrong: Wrong, kept: bool, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    before, during, after = (uuid.uuid4().hex for _ in range(3))
    async with behind(driven, request, tmp_path, deed) as it:
        if kept:
            assert (await it.made(before)).ok
        it.proxy.wrong = wrong
        outcome = await it.brief(during)
        it.proxy.wrong = Wrong.NOTHING
        assert not outcome.ok or wrong is Wrong.DRIP  # an answer may be short
        assert (await it.made(after)).ok
        found = len(await it.done(during))
        assert found in {Effect.NONE: (0,), Effect.DONE: (1,), Effect.UNKNOWN: (0, 1)}[outcome.effect], outcome
        assert len(await it.done(after)) == 1


@pytest.mark.parametrize(
    "driven",
    [
        # Whose library waits for a connection that is being made for seconds, and hears of nothing else.
        pytest.param(each, marks=pytest.mark.crash) if each.name == "postgresql" else each
        for each in NETWORKED
    ],
    ids=lambda each: each.name,
)
async def test_a_call_that_is_taken_back_leaves_nothing_behind(
    driven: Driven, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    async with behind(driven, request, tmp_path) as it:
        it.proxy.wrong = Wrong.BLACK_HOLE
        calling = asyncio.create_task(it.hub.carry_out(it.call(uuid.uuid4().hex)))
        await until(lambda: it.proxy.tasks)
        calling.cancel()
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(asyncio.CancelledError):
                await calling
        it.proxy.wrong = Wrong.NOTHING
        assert (await it.made(uuid.uuid4().hex)).ok
