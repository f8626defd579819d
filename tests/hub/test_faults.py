"""Every connector that speaks over a network, behind a proxy that lets connections go wrong: what is said of a call is
never less than what may have happened, and the next call finds the way."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from connectors.assembly import made
from connectors.declaration import Declaration
from connectors.hub.connections import Connections
from connectors.hub.pipeline import CallLimits, Hub
from connectors.hub.policy import Policy
from schemas.functions import EffectClass
from schemas.reasons import Effect
from tests.support.connector_cases import ALL, CASES
from tests.support.tcp_faults import Wrong, proxied

OVER_A_NETWORK = [each for each in ALL if each.name in ("http", "webhook", "mail", "amqp", "sftp")]
GREETING = ("mail", "amqp", "sftp")  # much is said before anything is asked for
BRIEF = CallLimits(try_timeout_s=0.5, total_timeout_s=5.0)
CALM = CallLimits(try_timeout_s=30.0, total_timeout_s=60.0)


@pytest.mark.parametrize("wrong", [each for each in Wrong if each is not Wrong.NOTHING], ids=str)
@pytest.mark.parametrize("declaration", OVER_A_NETWORK, ids=lambda each: each.name)
async def test_outcome_says_what_may_have_happened(declaration: Declaration, wrong: Wrong, tmp_path: Path) -> None:
    async with CASES[declaration.name](tmp_path) as case:
        call = next(call for calls in case.calls.values() for call in calls[-1:])
        name, url = next((name, url) for name, url in case.connections.items() if name != "nowhere")
        port = urlsplit(url).port
        assert port is not None
        async with proxied("127.0.0.1", port) as proxy:
            at = url.replace(f":{port}", f":{proxy.port}")
            known = Connections({**case.connections, name: at}, case.identity_of, case.api_of)
            proxy.wrong = wrong
            connector = made(declaration, known, Policy())
            async with Hub({declaration: connector}, limits=BRIEF) as hub:
                outcome = await hub.carry_out(dataclasses.replace(call, effect=EffectClass.BLIND))
            assert not outcome.ok
            if outcome.effect is Effect.NONE:
                assert declaration.name in GREETING or proxy.passed == 0
            proxy.wrong = Wrong.NOTHING
            async with Hub({declaration: made(declaration, known, Policy())}, limits=CALM) as hub:
                assert (await hub.carry_out(call)).ok
