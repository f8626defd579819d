"""Changes of models: which version a command is pinned to follows from its time, and stays so."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from models.serving.errors import UnknownModelError
from models.serving.registry import Registry
from models.serving.shelf import BUNDLED, Pin, Rival, read_pin
from schemas.codec import Codec
from schemas.messages import STEP_COMMAND
from streams.processors import decide
from streams.processors.decide.pins import NONE, ModelPins
from streams.processors.decide.processor import Decide
from streams.processors.decide.states import AHEAD_MS, ModelBook, change
from streams.runtime.processor import Message, Output, Record
from tests.support.contexts import context
from tests.support.data import payload
from tests.support.model_folders import models_folder
from tests.support.model_states import Written
from tests.support.tables import Table

CODEC = Codec.offline()
NOW_MS = 1_700_000_000_000
INSTANCE = "0123456789abcdef" * 2


def book(tmp_path: Path) -> ModelBook:
    """One model in two versions that decide alike, the first of which decides as the folder says."""
    folder = models_folder(tmp_path, "risk")
    shutil.copytree(folder / "risk" / "1", folder / "risk" / "2")
    card = folder / "risk" / "2" / "card.toml"
    card.write_text(card.read_text().replace('version = "1"', 'version = "2"', 1))
    return ModelBook([folder])


async def changed(known: ModelBook, *pins: Pin, at_ms: int = NOW_MS) -> Written:
    written = Written(known, CODEC)
    for number, pin in enumerate(pins):
        await change(written, CODEC, known, pin, by="ada", why="tried", now_ms=at_ms + number * 10_000)
    return written


async def test_pin_follows_from_the_time_of_the_command(tmp_path: Path) -> None:
    known = book(tmp_path)
    await changed(known, Pin("risk", "2", "a" * 64), Pin("risk", "2", "a" * 64, "suspended"), Pin("risk", "1"))
    found = [known.pin("risk", NOW_MS + ms) for ms in (0, AHEAD_MS - 1, AHEAD_MS, 10_000 + AHEAD_MS, 20_000 + AHEAD_MS)]
    assert [pin.text for pin in found if pin] == [
        "risk@1", "risk@1", f"risk@2#{'a' * 64}", f"risk@2#{'a' * 64}!suspended", "risk@1",
    ]  # fmt: skip


async def test_newest_record_alone_tells_it_all(tmp_path: Path) -> None:
    first = book(tmp_path)
    written = await changed(first, Pin("risk", "2"), Pin("risk", "1"))
    other = ModelBook([tmp_path])
    other.learn(CODEC.decode(written.records[-1].value)[1])
    assert {each.key for each in written.records} == {b"risk"}
    assert {each.topic for each in written.records} == {decide.STATES}
    times = range(NOW_MS - 1, NOW_MS + 30_000, 500)
    assert [other.pin("risk", ms) for ms in times] == [first.pin("risk", ms) for ms in times]


async def test_changes_of_a_clock_that_went_back_keep_their_order(tmp_path: Path) -> None:
    known = book(tmp_path)
    await changed(known, Pin("risk", "2"))
    await changed(known, Pin("risk", "1"), at_ms=NOW_MS - 3_600_000)
    assert known.active["risk"].version == "1"
    assert [each.version for each in known.history("risk")] == ["1", "2", "1"]


async def test_retired_model_is_unknown_to_later_commands_only(tmp_path: Path) -> None:
    known = book(tmp_path)
    await changed(known, Pin("risk", "1", state="retired"))
    assert known.pin("risk", NOW_MS) == Pin("risk", "1")
    with pytest.raises(UnknownModelError, match="retired"):
        known.pin("risk", NOW_MS + AHEAD_MS)
    pins = ModelPins(context(CODEC, models=known))
    assert pins.pin(payload({"model": "risk"}), NOW_MS + AHEAD_MS) == NONE


async def test_command_that_comes_again_after_a_swap_gives_the_same_bytes(tmp_path: Path) -> None:
    known = book(tmp_path)
    registry = Registry(shelf=known)
    made = context(CODEC, models=known)
    hosted, pins = Decide(made, registry), ModelPins(made)
    values = dict(registry.get("risk").card.reference.values)

    def command(at_ms: int) -> Message:
        arguments = payload({"model": "risk", "input": values})
        data: dict[str, Any] = {
            "instance_id": INSTANCE, "pointer": "/do/0/risk", "iteration": 0, "attempt": 0, "function": "decide",
            "arguments": arguments, "deadline_ms": None, "workflow": "w", "version": "1", "digest": "d" * 64,
            "effect": None, "business_key": None, "pin": pins.pin(arguments, at_ms),
        }  # fmt: skip
        return Message(Record("in", 0, 0, at_ms, INSTANCE.encode(), b""), STEP_COMMAND, data)

    def answers(asked: Message) -> list[Output]:
        return hosted.handle([asked], Table()).outputs

    asked = command(NOW_MS)
    before = answers(asked)
    files = registry.get("risk", "2").band.files_sha256
    await changed(known, Pin("risk", "2", files))
    registry.look()
    assert answers(asked) == before
    assert command(NOW_MS).data == asked.data  # made again, by an engine that was killed
    (result, decision) = (CODEC.decode(each.value or b"")[1] for each in answers(command(NOW_MS + AHEAD_MS)))
    assert (result["output"].value()["version"], decision["model_version"]) == ("2", "2")


@pytest.mark.parametrize("text", ["", "risk", "@1", "risk@", "../x@1", "risk@../x", "risk@1#12", "risk@1!retired"])
def test_text_that_is_no_pin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no pin|no state"):
        read_pin(text)


def test_pin_is_read_as_it_was_written() -> None:
    pins = [
        Pin("a", "1"),
        Pin("a", "1", "0" * 64),
        Pin("a", "1", "0" * 64, "suspended"),
        Pin("a", "1", "", "suspended"),
        Pin("a", "1", "0" * 64, "suspended", Rival("2", "1" * 64, 10)),
        Pin("a", "1", "", "active", Rival("2")),
    ]
    assert [read_pin(pin.text) for pin in pins] == pins


def test_bundled_model_is_held_to_its_files() -> None:
    pin = ModelBook([BUNDLED]).pin("credit-risk", NOW_MS)
    assert pin is not None and pin.sha256 == Registry().get("credit-risk").band.files_sha256
