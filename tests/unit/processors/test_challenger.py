"""Champion and challenger: both score every case, on record; the challenger decides its share, the same each time."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest

from models.serving.registry import Registry
from models.serving.shelf import Pin, Rival
from schemas.codec import Codec
from schemas.messages import DECISION, STEP_COMMAND
from streams.processors import decide
from streams.processors.decide.chain import bucket
from streams.processors.decide.decision import carry_out
from streams.processors.decide.processor import Decide
from streams.processors.decide.recompute import recomputed
from streams.processors.decide.states import ModelBook, change
from streams.readmodel import presentation
from streams.runtime.processor import Message, Record
from tests.support.contexts import context
from tests.support.data import payload
from tests.support.model_folders import models_folder
from tests.support.model_states import Written
from tests.support.tables import Table

CODEC = Codec.offline()
APPLICATION = dict(Registry().get("credit-risk").card.reference.values)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """`risk` 1 may act alone; 2 is the same model without a certificate, so that it never does."""
    folder = models_folder(tmp_path, "risk")
    shutil.copytree(folder / "risk" / "1", folder / "risk" / "2")
    card = folder / "risk" / "2" / "card.toml"
    card.write_text(card.read_text().replace('version = "1"', 'version = "2"', 1))
    return Registry(folder)


def command(case: str, pin: Pin, values: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "instance_id": "0" * 32, "pointer": "/do/0/a", "iteration": 0, "attempt": 0, "function": "decide",
        "arguments": payload({"model": "risk", "input": {**APPLICATION, **(values or {})}}), "deadline_ms": None,
        "workflow": "w", "version": "1", "digest": "d" * 64, "effect": None, "pin": pin.text, "business_key": case,
    }  # fmt: skip


def record(case: str, pin: Pin, registry: Registry, values: dict[str, Any] | None = None) -> dict[str, Any]:
    """The decision on a case, which comes out again when it is computed anew."""
    decision = carry_out(command(case, pin, values), registry, 1).decision
    assert decision is not None
    read = presentation.message(CODEC.decode(CODEC.encode(DECISION, decision))[1])
    shown: dict[str, Any] = orjson.loads(presentation.dumps(read))
    assert recomputed(shown, registry) == []
    return shown


def test_shadow_is_heard_and_decides_nothing(registry: Registry) -> None:
    pin = Pin("risk", "1", rival=Rival("2"))
    found = record("A-1", pin, registry)
    assert (found["model_version"], found["route"]) == ("1", "approve")
    beside = {name: found["beside"][name] for name in ("model_version", "route", "score", "challenger")}
    assert beside == {"model_version": "2", "route": "review", "score": found["score"], "challenger": True}
    changed = found | {"beside": found["beside"] | {"score": 0.5}}
    assert [each.field for each in recomputed(changed, registry)] == ["beside"]


def test_canary_decides_its_share_and_a_case_has_the_same_version_every_time(registry: Registry) -> None:
    pin = Pin("risk", "2", rival=Rival("1", share=30))  # only the challenger has a certificate
    cases = [f"A-{number}" for number in range(200)]
    taken = [case for case in cases if record(case, pin, registry)["model_version"] == "1"]
    assert taken == [case for case in cases if bucket("risk", case) < 30]
    assert 40 <= len(taken) <= 80
    wider = Pin("risk", "2", rival=Rival("1", share=60))
    assert all(record(case, wider, registry)["model_version"] == "1" for case in taken[:20])
    found = record(taken[0], pin, registry)
    assert (found["route"], found["beside"]["model_version"], found["beside"]["route"]) == ("approve", "2", "review")
    assert found["beside"]["challenger"] is False


@pytest.mark.parametrize(
    "pin",
    [
        Pin("risk", "1", rival=Rival("2", share=100)),  # no certificate
        Pin("risk", "1", rival=Rival("1", "0" * 64, 100)),  # other files than were put beside it
        Pin("risk", "1", rival=Rival("9", share=100)),  # not here
    ],
)
def test_challenger_that_may_not_act_decides_nothing(pin: Pin, registry: Registry) -> None:
    found = record("A-1", pin, registry)
    assert found["model_version"] == "1"
    assert found["route"] == "approve"
    assert found["beside"] is None or (found["beside"]["route"], found["beside"]["challenger"]) == ("review", True)


def test_challenger_of_a_suspended_model_decides_nothing_and_says_what_it_would_have_decided(
    registry: Registry,
) -> None:
    found = record("A-1", Pin("risk", "1", state="suspended", rival=Rival("1", share=100)), registry)
    assert found["route"] == "review"
    assert (found["beside"]["route"], found["beside"]["challenger"]) == ("approve", True)


async def test_redelivered_command_gives_the_same_bytes_after_the_challenger_was_promoted(
    registry: Registry, tmp_path: Path
) -> None:
    book = ModelBook([tmp_path])
    written = Written(book, CODEC)
    await change(written, CODEC, book, Pin("risk", "1", rival=Rival("2", share=50)), by="ada", why="tried", now_ms=1)
    before = book.pin("risk", 10**13)
    assert before is not None and before.rival == Rival("2", "", 50)

    def handled(shelf: ModelBook) -> list[Any]:
        data = command("A-7", before)
        raw = CODEC.encode(STEP_COMMAND, data)
        message = Message(Record(decide.DECLARATION.commands.name, 3, 17, 5, b"k", raw), STEP_COMMAND, data)
        return list(Decide(context(CODEC), Registry(shelf=shelf)).handle([message], Table()).outputs)

    first = handled(book)
    await change(written, CODEC, book, Pin("risk", "2"), by="ada", why="better", now_ms=10**12)
    assert handled(book) == first
    assert [(each.version, each.rival, each.share) for each in book.history("risk")][-2:] == [
        ("1", "2", 50),
        ("2", None, 0),
    ]
    assert {("risk", "1"), ("risk", "2")} <= {pin[:2] for pin in book.wanted()}
