"""Every connector is driven against a system: whatever it can do there, in each class of effect, has a deed.

So the suites of `tests/hub/` (kills, connections that go wrong, ledgers) know of a new operation, or this fails.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from connectors.catalogue import CONNECTORS
from connectors.declaration import Declaration
from schemas.functions import EffectClass, Function
from tests.support.connector_peers import DRIVEN, REAL, Driven

BY_CALL = (EffectClass.BLIND, EffectClass.KEYED)  # what a definition makes of an operation that declares no class
LACKS = {("mariadb", "sql.insert")}  # what a system does not take, which a test of its own says


def classes_of(operation: Function) -> Iterable[EffectClass]:
    """The classes of effect that an operation has to be tried in."""
    if operation.effect is None:
        return BY_CALL
    return (operation.effect,) if operation.effect.effectful else ()


def missing(driven: Driven) -> set[tuple[str, str, EffectClass]]:
    """What has no deed, of a connector at a system."""
    wanted = {(each.name, effect) for each in driven.connector.operations for effect in classes_of(each)}
    there = {(each.operation, each.effect) for each in driven.deeds}
    return {(driven.name, *each) for each in wanted - there if (driven.name, each[0]) not in LACKS}


@pytest.mark.parametrize("driven", DRIVEN, ids=lambda each: each.name)
def test_whatever_changes_a_system_has_a_deed(driven: Driven) -> None:
    assert missing(driven) == set(), "write them into DEEDS of tests/support/connector_cases.py"


@pytest.mark.parametrize("connector", CONNECTORS, ids=lambda each: each.name)
def test_connector_is_driven_against_a_real_system(connector: Declaration) -> None:
    assert [each for each in REAL if each.connector is connector], "a stand-in needs a server in connector_peers.py"


@pytest.mark.parametrize("driven", DRIVEN, ids=lambda each: each.name)
def test_deeds_are_of_the_class_that_they_say(driven: Driven) -> None:
    operations = {each.name: each for each in driven.connector.operations}
    for deed in driven.deeds:
        declared = operations[deed.operation].effect
        assert deed.call("here", "m").effect is (deed.effect if deed.said else None)
        assert declared in (None, deed.effect) and not (declared and deed.said)
