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

CARD = tomllib.loads((FOLDER / "credit-risk" / "2" / "card.toml").read_text())


def test_every_active_model_loads() -> None:
    Registry().load_all()


def test_model_is_loaded_only_once() -> None:
    registry = Registry()
    assert registry.get("credit-risk") is registry.get("credit-risk")


def test_unknown_name_is_answered_with_known_ones() -> None:
    with pytest.raises(UnknownModelError, match=r"Name one of .*credit-approval, credit-risk"):
        Registry().get("crystal-ball")


def test_active_version_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "active.toml").write_text('[active]\ncredit-risk = "9"\n')
    with pytest.raises(RefusedModelError, match=r"card\.toml: missing"):
        Registry(tmp_path).get("credit-risk")


def test_certificate_can_be_recomputed_from_what_it_states(model: Model) -> None:
    stated = model.band.certificate
    assert stated is not None
    again = certify(stated.cases, stated.wrong, stated.target, stated.delta, stated.starts)
    assert (again.p_value, again.certified) == (stated.p_value, stated.certified)
    assert stated.upper_bound < stated.target < model.card.routing.break_even


def test_band_is_the_narrower_one_of_certificate_and_costs(model: Model) -> None:
    assert model.band.certificate is not None
    assert model.band.approve_below == min(model.card.routing.approve_below, model.band.certificate.threshold)
    assert model.card.routing.approve_below == round(model.card.routing.break_even, 6)


def test_version_without_a_certificate_is_kept_for_its_decisions() -> None:
    earlier = Registry().get("credit-risk", "1")
    assert (earlier.band.approve_below, earlier.band.closed is None) == (0.0, False)


def test_protected_attributes_are_no_inputs(model: Model) -> None:
    attributes = {c.field: c.attribute for c in COLUMNS}
    assert not {9, 13, 20} & {attributes[i.field] for i in model.card.inputs}


def test_card_names_source_and_licence() -> None:
    assert "https://doi.org/10.24432/C5NC77" in CARD["data"]["attribution"]
    assert "CC BY 4.0" in CARD["data"]["attribution"]
