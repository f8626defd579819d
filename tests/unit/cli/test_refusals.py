"""What must not be decided alone is for people, with the reason: while serving, after a restart, and in a local run."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models.serving.registry import Registry
from models.serving.shelf import BUNDLED
from schemas.codec import Codec
from schemas.messages import STEP_COMMAND
from streams.processors.decide.pins import ModelPins
from streams.processors.decide.processor import Decide
from streams.processors.decide.states import ModelBook
from streams.runtime.processor import Message, Record
from tests.support import foreign
from tests.support.brought import Site
from tests.support.contexts import context
from tests.support.data import payload
from tests.support.model_folders import graph, node
from tests.support.tables import Table

CODEC = Codec.offline()
GOOD = {"income": 85, "debts": 5, "age_of_account": 15}
APPLICATION = dict(Registry().get("credit-risk").card.reference.values)
CERTIFIED = "models/theirs/1"
PROOF = f"{CERTIFIED}/certificate.toml"


def _flipped(file: str) -> Callable[[Site], None]:
    def change(site: Site) -> None:
        path = site.folder / CERTIFIED / file
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)

    return change


def _nothing(site: Site) -> None:
    """The case alone is what is wrong."""


REFUSALS: dict[str, tuple[str, Callable[[Site], None], dict[str, Any], str]] = {
    "no certificate": ("theirs", lambda site: (site.folder / PROOF).unlink(), GOOD, "NO_CERTIFICATE"),
    "a byte of the model": ("theirs", _flipped("model.onnx"), GOOD, "CHANGED"),
    "a byte of the certificate": ("theirs", _flipped("certificate.toml"), GOOD, "NO_CERTIFICATE"),
    "suspended": ("theirs", lambda s: s.json("models", "suspend", "theirs"), GOOD, "SUSPENDED"),
    "NaN": ("odd", _nothing, {**GOOD, "debts": 0}, "NO_SCORE"),
    "an unknown code": ("credit-risk", _nothing, {**APPLICATION, "savings": "A99"}, "UNKNOWN"),
    "a missing field": ("credit-risk", _nothing, {k: v for k, v in APPLICATION.items() if k != "savings"}, "MISSING"),
    "a jointly impossible row": (
        "credit-risk", _nothing, {**APPLICATION, "duration_months": 4, "amount_dm": 18_424}, "UNLIKE",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certified model, and one that divides each number by itself, so that it has nothing to say of a zero."""
    site = Site(tmp_path_factory.mktemp("site"))
    site.add("zipmap", "theirs")
    site.certify("zipmap", "theirs")
    site.json("models", "activate", "theirs@1")
    odd = site.folder / "odd"
    odd.mkdir()
    (odd / "card.toml").write_text('[model]\nlabels = ["high", "low", "middle"]\n')
    (odd / "model.onnx").write_bytes(
        graph(node("Div", ("row", "row"), "shares"), outputs=(("shares", 2),), width=len(GOOD))
    )
    whole = (case for case in foreign.loans(2, 400) if case["debts"] and case["age_of_account"])
    rows = foreign.write(site.folder / "odd.csv", whole, foreign.NUMBERS)
    site.json("models", "add", odd, "--name", "odd", "--rows", rows)
    site.json("models", "activate", "odd@1")
    return site.folder


@pytest.fixture
def site(prepared: Path, tmp_path: Path) -> Site:
    shutil.copytree(prepared, tmp_path / "site")
    return Site(tmp_path / "site")


class Served:
    """The models of a site in a process that serves."""

    def __init__(self, site: Site) -> None:
        self.book = ModelBook([site.folder / "models", BUNDLED])
        self.registry = Registry(shelf=self.book)
        self.registry.load_all()
        made = context(CODEC, models=self.book)
        self._hosted, self._pins = Decide(made, self.registry), ModelPins(made)

    def decided(self, name: str, values: dict[str, Any]) -> dict[str, Any]:
        arguments = payload({"model": name, "input": values})
        data: dict[str, Any] = {
            "instance_id": "0" * 32, "pointer": "/do/0/ask", "iteration": 0, "attempt": 0, "function": "decide",
            "arguments": arguments, "deadline_ms": None, "workflow": "w", "version": "1", "digest": "d" * 64,
            "effect": None, "business_key": None, "pin": self._pins.pin(arguments, 1),
        }  # fmt: skip
        asked = Message(Record("in", 0, 0, 1, b"0" * 32, b""), STEP_COMMAND, data)
        result, _ = self._hosted.handle([asked], Table()).outputs
        output: dict[str, Any] = CODEC.decode(result.value or b"")[1]["output"].value()
        return output


@pytest.mark.parametrize("refusal", REFUSALS)
def test_refused_in_serving_after_a_restart_and_in_a_local_run(refusal: str, site: Site) -> None:
    name, change, values, why = REFUSALS[refusal]
    serving = Served(site)
    assert serving.decided("theirs", GOOD)["route"] == "approve"
    assert serving.decided("credit-risk", APPLICATION)["route"] == "approve"
    change(site)
    for _ in range(2):  # a file that has changed counts once it has stayed the same
        serving.registry.look()
    answers = [serving.decided(name, values), Served(site).decided(name, values), site.decided(name, values)]
    for answer in answers:
        assert (answer["route"], why in [held["why"] for held in answer["held"]]) == ("review", True)
        assert answer["held"] == answers[0]["held"] and all(held["text"] for held in answer["held"])


def test_changed_byte_of_the_card_leaves_nothing_to_the_model(site: Site) -> None:
    """Whatever it changes: what the card says no longer is what was certified."""
    serving = Served(site)
    card = site.folder / CERTIFIED / "card.toml"
    card.write_bytes(card.read_bytes().replace(b"approve_below = 0.", b"approve_below = 0.9", 1) + b"#")
    for _ in range(2):
        serving.registry.look()
    answers = [serving.decided("theirs", GOOD), Served(site).decided("theirs", GOOD), site.decided("theirs", GOOD)]
    for answer in answers:
        assert (answer["route"], [held["why"] for held in answer["held"]]) == ("review", ["NO_CERTIFICATE"])
