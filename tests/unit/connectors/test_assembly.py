"""The hub that is delivered has every connector of the catalogue, and each carries out what it declares."""

from __future__ import annotations

import subprocess
import sys

import pytest

from connectors.assembly import made, standard_hub
from connectors.catalogue import CONNECTORS, OPERATIONS
from connectors.declaration import Declaration
from connectors.hub.connections import Connections
from connectors.hub.contract import HubCall
from connectors.hub.policy import Policy
from schemas.functions import by_name
from schemas.reasons import Reason


@pytest.mark.parametrize("declaration", CONNECTORS, ids=lambda each: each.name)
def test_connector_carries_out_what_it_declares_and_no_more(declaration: Declaration) -> None:
    assert set(made(declaration, Connections({}), Policy()).operations) == set(declaration.operations)


def test_names_of_connectors_and_operations_are_unique() -> None:
    assert len({each.name for each in CONNECTORS}) == len(CONNECTORS)
    assert len(by_name(OPERATIONS)) == len(OPERATIONS)


async def test_hub_knows_every_operation() -> None:
    async with standard_hub({}) as hub:
        outcomes = [
            await hub.carry_out(HubCall(function=each.name, arguments={"no": 1}, key="k")) for each in OPERATIONS
        ]
    assert {outcome.reason for outcome in outcomes} == {Reason.INPUT_INVALID}


def test_catalogue_loads_no_client() -> None:
    clients = ("aiohttp", "sqlalchemy", "lxml")
    program = f"import connectors.catalogue, sys; print([each for each in {clients} if each in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "[]"
