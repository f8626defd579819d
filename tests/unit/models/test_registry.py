"""The registry: names, active versions, and cards that say where a model comes from."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from models.decisions.credit_risk.data import COLUMNS
from models.serving.certify import certify
from models.serving.errors import RefusedModelError, UnknownModelError
from models.serving.predict import Model
from models.serving.registry import FOLDER, Registry

CARD = tomllib.loads((FOLDER / "credit-risk" / "1" / "card.toml").read_text())


def test_every_active_model_loads() -> None:
    Registry().load_all()


def test_model_is_loaded_only_once() -> None:
    registry = Registry()
    assert registry.get("credit-risk") is registry.get("credit-risk")


def test_unknown_name_is_answered_with_known_ones() -> None:
    with pytest.raises(UnknownModelError, match="Name one of credit-risk"):
        Registry().get("crystal-ball")


def test_active_version_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "active.toml").write_text('[active]\ncredit-risk = "9"\n')
    with pytest.raises(RefusedModelError, match=r"card\.toml: missing"):
        Registry(tmp_path).get("credit-risk")


def test_certificate_can_be_recomputed_from_card() -> None:
    stated = CARD["certificate"]
    again = certify(stated["cases"], stated["wrong"], stated["target"], stated["delta"])
    assert (again.p_value, again.certified) == (stated["p_value"], stated["certified"])


def test_certificate_in_force_is_a_passed_one(model: Model) -> None:
    assert CARD["certificate"]["certified"] == bool(model.card.routing.certificate)


def test_threshold_follows_from_the_costs(model: Model) -> None:
    routing = model.card.routing
    assert routing.approve_below == round(1 / (1 + routing.cost_ratio), 6)


def test_protected_attributes_are_no_inputs(model: Model) -> None:
    attributes = {c.field: c.attribute for c in COLUMNS}
    assert not {9, 13, 20} & {attributes[i.field] for i in model.card.inputs}


def test_card_names_source_and_licence() -> None:
    assert "https://doi.org/10.24432/C5NC77" in CARD["data"]["attribution"]
    assert "CC BY 4.0" in CARD["data"]["attribution"]
