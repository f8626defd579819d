"""One bad model: it alone is out, and named; what needs it waits, and goes on once the right files are there."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models.serving.registry import Registry
from models.serving.shelf import BUNDLED
from schemas.codec import Codec
from schemas.messages import CANCEL_STEP, STEP_COMMAND
from streams.processors import decide
from streams.processors.decide.processor import Decide
from streams.processors.orchestrate import INBOX
from streams.runtime.crash import CrashPoint
from streams.runtime.fast_lane import FastLane
from streams.runtime.lane import Limits
from streams.runtime.processor import Effects, Message, Record
from streams.runtime.store import Store
from streams.runtime.table import TablePartition
from tests.support.contexts import context
from tests.support.data import payload
from tests.support.lanes import INPUT, Flow, Kept, running, until
from tests.support.model_folders import graph, models_folder, node, number, replace_model
from tests.support.tables import Table

CODEC = Codec.offline()
AT_MS = 1_700_000_000_000
APPLICATION = dict(Registry().get("credit-risk").card.reference.values)
WIDTH = Registry().get("credit-risk").encoder.width
INSTANCES = {"good": "0123456789abcdef" * 2, "bad": "fedcba9876543210" * 2}

SUM = node("ReduceSum", ("row",), "sum")


def _rewrite(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def rewrite(place: Path) -> None:
        (place / name).write_bytes(change((place / name).read_bytes()))

    return rewrite


def _folder_as_card(place: Path) -> None:
    (place / "card.toml").unlink()
    (place / "card.toml").mkdir()


def _model(data: bytes) -> Callable[[Path], None]:
    return lambda place: replace_model(place, data)


BAD: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "no card": (lambda place: (place / "card.toml").unlink(), "card.toml", "missing"),
    "no model": (lambda place: (place / "model.onnx").unlink(), "model.onnx", "missing"),
    "no folder": (shutil.rmtree, "card.toml", "missing"),
    "a folder in its place": (_folder_as_card, "card.toml", "Is a directory"),
    "card not UTF-8": (_rewrite("card.toml", lambda card: b"# \xff\n" + card), "card.toml", "not UTF-8"),
    "card no TOML": (_rewrite("card.toml", lambda card: card + b"\n[model"), "card.toml", "training script"),
    "card of another": (_rewrite("card.toml", lambda card: card.replace(b'"bad"', b'"x"')), "card.toml", "its folder"),
    "card without orders": (
        _rewrite("card.toml", lambda card: card.replace(b"approve_pairs = 1", b"approve_pairs = 9")),
        "card.toml",
        "fewer orders",
    ),
    "threshold 2": (
        _rewrite("card.toml", lambda card: card.replace(b"approve_below = 0.2", b"approve_below = 2.0")),
        "card.toml",
        "no number from 0 to 1",
    ),
    "threshold inf": (
        _rewrite("card.toml", lambda card: card.replace(b"approve_below = 0.2", b"approve_below = inf")),
        "card.toml",
        "no number from 0 to 1",
    ),
    "reference of NaN": (
        _rewrite("card.toml", lambda card: card.replace(b"score = 0.", b"score = nan # 0.")),
        "card.toml",
        "no ordinary number",
    ),
    "a range without end": (
        _rewrite("card.toml", lambda card: card.replace(b"maximum = 18424.0", b"maximum = inf")),
        "card.toml",
        "no range",
    ),
    "no ONNX": (_model(b"nonsense"), "model.onnx", "not ONNX"),
    "empty": (_model(b""), "model.onnx", "Train it anew"),
    "other outputs": (_model(graph(SUM, outputs=(("sum", 2),), width=WIDTH)), "model.onnx", "no output"),
    "other inputs": (
        _model(graph(node("Identity", ("row",), "probabilities"), outputs=(("probabilities", 2),), width=3)),
        "model.onnx",
        "columns",
    ),
    "no dimensions": (
        _model(
            graph(
                node("ReduceSum", ("row",), "probabilities", number("keepdims", 0)),
                outputs=(("probabilities", 0),),
                width=WIDTH,
            )
        ),
        "model.onnx",
        "no table",
    ),
    "NaN": (
        _model(
            graph(
                node("Sub", ("row", "row"), "zeros"),
                node("Div", ("zeros", "zeros"), "probabilities"),
                outputs=(("probabilities", 2),),
                width=WIDTH,
            )
        ),
        "",
        "scores its reference profile nan",
    ),
}


def command(model: str, pin: str | None = None) -> dict[str, Any]:
    return {
        "instance_id": INSTANCES[model], "pointer": "/do/0/risk", "iteration": 0, "attempt": 0, "function": "decide",
        "arguments": payload({"model": model, "input": APPLICATION}), "deadline_ms": None, "workflow": "w",
        "version": "1.0.0", "digest": "d" * 64, "effect": None, "business_key": None, "pin": pin,
    }  # fmt: skip


def record(offset: int, data: dict[str, Any]) -> Record:
    return Record("in", 0, offset, AT_MS, data["instance_id"].encode(), CODEC.encode(STEP_COMMAND, data))


def message(data: dict[str, Any], name: str = STEP_COMMAND) -> Message:
    return Message(Record("in", 0, 0, AT_MS, data["instance_id"].encode(), b""), name, data)


def results(effects: Effects) -> list[tuple[str, str]]:
    found = [CODEC.decode(each.value or b"")[1] for each in effects.outputs if each.topic == INBOX]
    return [(each["instance_id"], each["status"]) for each in found]


@pytest.mark.parametrize("kind", BAD)
async def test_bad_model_is_out_alone_and_named(kind: str, tmp_path: Path) -> None:
    spoil, file, reason = BAD[kind]
    folder = models_folder(tmp_path, "good", "bad")
    spoil(folder / "bad" / "1")
    hosted = Decide(context(CODEC), Registry(folder))
    await hosted.open()
    try:
        (cause,) = await hosted.causes()
        assert (cause.part, cause.degraded) == ("model bad@1", True)
        assert cause.reason.startswith(str(folder / "bad" / "1" / file)) and reason in cause.reason
        assert decide.FAULTY.labels("bad@1")._value.get() == 1
        effects = hosted.handle([message(command("bad")), message(command("good"))], Table())
        assert results(effects) == [(INSTANCES["good"], "completed")]
        assert list(effects.changes) == [f"{INSTANCES['bad']}/do/0/risk/0/0".encode()]
    finally:
        await hosted.close()


@pytest.mark.parametrize(
    "active",
    [b"[active]\nbad = ", b"\xff", b"active = 3", b'[active]\nbad = "../../../x"\ngood = "1"', b"[active]\nbad = 1"],
)
def test_active_file_that_is_none_leaves_the_others(active: bytes, tmp_path: Path) -> None:
    folder = models_folder(tmp_path, "good", "bad")
    registry = Registry(folder)
    registry.load_all()
    (folder / "active.toml").write_bytes(active)
    (fault,) = registry.look()
    assert fault.file == str(folder / "active.toml")
    hosted = Decide(context(CODEC), registry)
    if b"good" not in active and b"bad = 1" in active:
        return  # nothing is said of it any more
    assert (INSTANCES["good"], "completed") in results(hosted.handle([message(command("good"))], Table()))


def test_version_leads_nowhere_else(tmp_path: Path) -> None:
    folder = models_folder(tmp_path / "models", "bad")
    shutil.copytree(BUNDLED / "credit-risk" / "1", tmp_path / "x")
    (folder / "active.toml").write_text('[active]\nbad = "../../x"\n')
    registry = Registry(folder)
    assert registry.load_all()[0].reason.startswith("a name or version that is none")
    asked = message(command("bad", "bad@../../x"))
    (letter,) = Decide(context(CODEC), registry).handle([asked], Table()).outputs
    assert letter.topic == decide.DECLARATION.dead_letters
    assert CODEC.decode(letter.value or b"")[1]["error"]["reason"] == "MISCONFIGURED"


async def test_waiting_command_goes_on_by_itself_with_the_right_file(tmp_path: Path) -> None:
    folder = models_folder(tmp_path / "models", "good", "bad")
    place, away = folder / "bad" / "1" / "model.onnx", tmp_path / "away"
    place.rename(away)
    hosted, outside = Decide(context(CODEC), Registry(folder)), Kept()
    table = TablePartition(Store(tmp_path / "store"), outside, outside)  # type: ignore[arg-type]
    await table.recover(0)
    lane = FastLane(hosted, 0, outside, CODEC, Flow(), table, Limits(50, 1_000, 10**9), CrashPoint())
    await hosted.open()
    try:
        async with running(lane):
            lane.deliver(INPUT, [record(0, command("bad")), record(1, command("good"))])
            await until(lambda: lane.committable() == {INPUT: 2})
            assert results(Effects(outside.outputs)) == [(INSTANCES["good"], "completed")]
            away.rename(place)
            await until(lambda: len(results(Effects(outside.outputs))) == 2)
        assert results(Effects(outside.outputs))[1] == (INSTANCES["bad"], "completed")
        assert table.get(f"{INSTANCES['bad']}/do/0/risk/0/0".encode()) is None
    finally:
        await hosted.close()
        table.store.close()


def test_waiting_command_gives_what_it_would_have_given(tmp_path: Path) -> None:
    folder = models_folder(tmp_path, "good", "bad")
    meant = Decide(context(CODEC), Registry(folder)).handle([message(command("bad"))], Table())
    card = (folder / "bad" / "1" / "card.toml").read_bytes()
    (folder / "bad" / "1" / "card.toml").unlink()
    registry = Registry(folder)
    hosted = Decide(context(CODEC), registry)
    ((key, row),) = hosted.handle([message(command("bad"))], Table()).changes.items()
    assert row is not None and hosted.on_due(key, row, AT_MS) == Effects([], {})
    (folder / "bad" / "1" / "card.toml").write_bytes(card)
    registry.look()
    assert hosted.on_due(key, row, AT_MS).outputs == []  # nobody applies half a file: it has to be seen twice
    registry.look()
    after = hosted.on_due(key, row, AT_MS)
    assert (after.outputs, after.changes) == (meant.outputs, {key: None})


def test_cancelled_command_waits_no_longer(tmp_path: Path) -> None:
    folder = models_folder(tmp_path, "good", "bad")
    (folder / "bad" / "1" / "card.toml").unlink()
    hosted, table = Decide(context(CODEC), Registry(folder)), Table()
    table.apply(hosted.handle([message(command("bad"))], table))
    cancel = {name: command("bad")[name] for name in ("instance_id", "pointer", "iteration", "attempt")}
    effects = hosted.handle([message({**cancel, "reason": "timed out"}, CANCEL_STEP)], table)
    assert (effects.outputs, list(effects.changes.values())) == ([], [None])


def test_command_that_comes_again_meets_the_same_version(tmp_path: Path) -> None:
    folder = models_folder(tmp_path, "good", "bad")
    second = folder / "bad" / "2"
    shutil.copytree(folder / "bad" / "1", second)
    card = (second / "card.toml").read_text().replace('version = "1"', 'version = "2"', 1)
    (second / "card.toml").write_text(card.replace("approve_below = 0.2", "approve_below = 0.1"))
    hosted = Decide(context(CODEC), Registry(folder))
    first = hosted.handle([message(command("bad", "bad@1"))], Table())
    (folder / "active.toml").write_text('[active]\nbad = "2"\n')
    after = Decide(context(CODEC), Registry(folder))
    assert after.handle([message(command("bad", "bad@1"))], Table()) == first
    ((_, answer),) = [
        CODEC.decode(e.value or b"") for e in after.handle([message(command("bad"))], Table()).outputs[:1]
    ]
    assert answer["output"].value()["version"] == "2"
