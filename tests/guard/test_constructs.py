"""A construct of the language is one everywhere: in the engine, in the reference interpreter, in random definitions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streams.engine import constructs as of_engine
from streams.language import constructs as of_language
from streams.language.construct import Construct
from tests.reference.interpreter import MEANINGS
from tests.reference.strategies import KINDS

every_construct = pytest.mark.parametrize("construct", of_language.KINDS, ids=lambda construct: construct.key)


def test_engine_carries_out_every_construct_in_order() -> None:
    assert [each.task for each in of_engine.ALL] == [each.task for each in of_language.KINDS]


@every_construct
def test_reference_interpreter_knows_what_it_means(construct: Construct[Any]) -> None:
    assert construct.model in MEANINGS


@every_construct
def test_random_definitions_have_tasks_of_it(construct: Construct[Any]) -> None:
    assert construct.key in KINDS


@every_construct
def test_its_first_key_is_its_own(construct: Construct[Any]) -> None:
    """One that a value makes of another kind is written as that one."""
    key, _, narrower = construct.key.partition(": ")
    assert next(iter(construct.keys)) == key
    assert key in construct.required
    assert not narrower or construct not in of_language.ALL
    assert set(construct.required) <= set(construct.keys)


def test_both_halves_have_files_of_same_names() -> None:
    halves = [{file.name for file in Path(half.__path__[0]).glob("*.py")} for half in (of_engine, of_language)]
    assert halves[0] == halves[1]
    assert len(halves[0]) == len(of_language.KINDS) + 1


def test_tags_of_frames_stay_what_they_are() -> None:
    tags = {frame.__name__: frame.__struct_config__.tag for frame in of_engine.FRAMES}
    listed = (
        "ListFrame",
        "LoopFrame",
        "ForkFrame",
        "TryFrame",
        "StepFrame",
        "WaitFrame",
        "ListenFrame",
        "MapFrame",
        "DefinedFrame",
        "ForeachFrame",
    )
    assert tags == {name: tag for tag, name in enumerate(listed)} | {"IncidentFrame": 60, "UndoFrame": 61}
