"""The band is open with a valid certificate and closed otherwise, and whoever gets the case is told why."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from models.serving.certificate import sealed
from models.serving.errors import FeatureError
from models.serving.held import Why
from models.serving.predict import Model
from models.serving.registry import FOLDER, Registry

Altered = Callable[..., Path]


def resealed(change: Callable[[str], str]) -> Callable[[bytes], bytes]:
    """A change by somebody who can make seals: only what the certificate says counts against it."""
    return lambda data: sealed(change(data.decode().rpartition("\n# seal: ")[0]))


def said(old: str, new: str) -> Callable[[bytes], bytes]:
    def change(text: str) -> str:
        assert re.search(old, text)
        return re.sub(old, new, text, count=1)

    return resealed(change)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: b"", "empty"),
        (lambda data: b"\n", "empty"),
        (lambda data: b"\xff\xfe", "no seal"),
        (lambda data: data.replace(b"cases = 97", b"cases = 99", 1), "changed after"),
        (lambda data: data.replace(b"sha256:", b"sha256:0", 1), "changed after"),
        (lambda data: data[:-1], "changed after"),
        (lambda data: data + b"threshold = 1.0\n", "changed after"),
        (resealed(lambda text: text + "\n["), "cannot be read"),
        (said("certified = true", "certified = false"), "not passed"),
        (said("certified = true\n", ""), "cannot be read"),
        (said("fairness_passed = true", "fairness_passed = false"), "fairness"),
        (said("threshold = [0-9.]+", "threshold = 2.0"), "no number from 0 to 1"),
        (said("threshold = [0-9.]+", "threshold = inf"), "no number from 0 to 1"),
        (said("threshold = [0-9.]+", "threshold = nan"), "no number from 0 to 1"),
        (said("target = 0.15", "target = 0.2"), "break-even"),
        (said("target = 0.15", "target = nan"), "break-even"),
        (said("delta = 0.05", "delta = 1.5"), "proves nothing"),
        (said("starts = 5", "starts = 0"), "proves nothing"),
        (said("wrong = 6", "wrong = 60"), "do not prove"),
        (said("wrong = 6", "wrong = 5"), "do not prove"),
        (said("wrong = 6", "wrong = 98"), "proves nothing"),
        (said("p_value = [0-9.]+", "p_value = 0.0001"), "do not prove"),
        (said("p_value = [0-9.]+", "p_value = nan"), "no number"),
        (said('version = "2"', 'version = "3"'), "is of credit-risk@3"),
        (said('covers = "d?', 'covers = "0'), "have changed"),
    ],
)
def test_certificate_that_proves_nothing_opens_nothing(
    altered: Altered, application: dict[str, Any], change: Callable[[bytes], bytes], reason: str
) -> None:
    verdict = Model.load(altered(certificate=change)).decide(application)
    (held,) = verdict.held
    assert (verdict.route, held.why) == ("review", Why.NO_CERTIFICATE)
    assert verdict.score is not None and reason in held.text


def test_valid_certificate_opens_the_band(altered: Altered, application: dict[str, Any]) -> None:
    verdict = Model.load(altered()).decide(application)
    assert (verdict.route, verdict.held) == ("approve", ())


def test_without_a_certificate_everything_goes_to_people(altered: Altered, parity_cases: list[dict[str, Any]]) -> None:
    folder = altered()
    (folder / "certificate.toml").unlink()
    model = Model.load(folder)
    assert {model.decide(case["input"]).route for case in parity_cases} == {"review"}
    assert model.band.closed is not None and model.band.closed.text.endswith("there is no certificate")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"approve_below = 0.2", b"approve_below = 0.9"),
        (b'label = "savings"', b'label = "savingz"'),
        (b'codes = [\n    "A171",\n    "A172"', b'codes = [\n    "A172",\n    "A171"'),
        (b"maximum = 18424.0", b"maximum = 1e15"),
        (b'purpose = "Prob', b'purpose = "prob'),
    ],
)
def test_card_that_was_changed_is_covered_no_longer(
    altered: Altered, application: dict[str, Any], old: bytes, new: bytes
) -> None:
    def change(card: bytes) -> bytes:
        assert old in card
        return card.replace(old, new, 1)

    (held,) = Model.load(altered(card=change)).decide(application).held
    assert held.text.endswith("model or card have changed since they were certified")


def test_changed_model_file_is_never_run_and_its_cases_go_to_people(tmp_path: Path) -> None:
    shutil.copytree(FOLDER / "credit-risk" / "2", tmp_path / "credit-risk" / "2")
    (tmp_path / "active.toml").write_text('[active]\ncredit-risk = "2"\n')
    path = tmp_path / "credit-risk" / "2" / "model.onnx"
    registry = Registry(tmp_path)
    application = registry.get("credit-risk").card.reference.values
    data = path.read_bytes()
    for changed in (data[:-1] + bytes([data[-1] ^ 1]), data[:100], b""):
        path.write_bytes(changed)
        registry.look(), registry.look()
        verdict = registry.get("credit-risk").decide(application)
        assert (verdict.route, verdict.score, [held.why for held in verdict.held]) == ("review", None, [Why.CHANGED])
        (fault,) = registry.faults
        assert (fault.model, fault.file) == ("credit-risk@2", str(path)) and "SHA-256 differs" in fault.reason
    path.write_bytes(data)
    registry.look(), registry.look()
    assert (registry.get("credit-risk").decide(application).route, registry.faults) == ("approve", [])


def test_files_that_were_put_into_force_are_told_from_others(tmp_path: Path) -> None:
    """Also where somebody can make seals and certificates."""
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    assert Registry(tmp_path).load_all() == []
    path = tmp_path / "credit-risk" / "2" / "certificate.toml"
    path.write_bytes(said('verdict = "P', 'verdict = "p')(path.read_bytes()))
    registry = Registry(tmp_path)
    assert registry.get("credit-risk").band.closed is None
    (fault,) = registry.load_all()
    assert "not those that were put into force" in fault.reason


ODD: dict[str, tuple[dict[str, Any], Why, str]] = {
    "unknown code": ({"savings": "A99"}, Why.UNKNOWN, "savings"),
    "code in lower case": ({"savings": "a61"}, Why.UNKNOWN, "savings"),
    "no code": ({"savings": None}, Why.MISSING, "savings"),
    "code that is a list": ({"savings": ["A61"]}, Why.UNKNOWN, "savings"),
    "code that is an object": ({"savings": {}}, Why.UNKNOWN, "savings"),
    "number as text": ({"amount_dm": "3000"}, Why.UNKNOWN, "amount_dm"),
    "NaN": ({"amount_dm": float("nan")}, Why.UNKNOWN, "amount_dm"),
    "infinity": ({"amount_dm": float("inf")}, Why.UNKNOWN, "amount_dm"),
    "huge": ({"amount_dm": 10**400}, Why.UNKNOWN, "amount_dm"),
    "true": ({"amount_dm": True}, Why.UNKNOWN, "amount_dm"),
    "null": ({"amount_dm": None}, Why.MISSING, "amount_dm"),
    "out of range": ({"amount_dm": 1e17}, Why.OUTSIDE, "amount_dm"),
    "just out of range": ({"amount_dm": 18424.0000001}, Why.OUTSIDE, "amount_dm"),
    "negative": ({"amount_dm": -5}, Why.OUTSIDE, "amount_dm"),
    "a fraction of a person": ({"dependants": 1.5}, Why.NOT_WHOLE, "dependants"),
    "nearly whole": ({"existing_credits": 1.0001}, Why.NOT_WHOLE, "existing_credits"),
    "four months for 18,424": ({"duration_months": 4, "amount_dm": 18424}, Why.UNLIKE, "duration_months amount_dm"),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_case_goes_to_people_with_the_reason(model: Model, application: dict[str, Any], name: str) -> None:
    changes, why, field = ODD[name]
    verdict = model.decide({**application, **changes})
    assert verdict.route == "review"
    assert (why, field) in [(held.why, held.field) for held in verdict.held]


def test_missing_field_goes_to_people_with_the_reason(model: Model, application: dict[str, Any]) -> None:
    for field in application:
        verdict = model.decide({name: value for name, value in application.items() if name != field})
        assert (verdict.route, verdict.score, [(h.why, h.field) for h in verdict.held]) == (
            "review",
            None,
            [(Why.MISSING, field)],
        )
    assert len(model.decide({}).held) == len(application)


def test_reason_never_repeats_a_value(model: Model, application: dict[str, Any]) -> None:
    texts = [held.text for held in model.decide({**application, "savings": "Ada Adler", "amount_dm": 987654321}).held]
    assert texts and not any("Ada" in text or "987654321" in text for text in texts)


def test_rows_of_the_training_are_like_them(model: Model, german_credit: Path) -> None:
    from models.decisions.credit_risk.data import from_german_row

    held = [model.decide(from_german_row(line)).held for line in german_credit.read_text().splitlines()]
    assert sum(map(bool, held)) <= 0.03 * len(held)


def declaring(**meaning: str) -> Callable[[bytes], bytes]:
    """A card that says more about the input `savings`."""

    def change(card: bytes) -> bytes:
        read = tomllib.loads(card.decode())
        next(each for each in read["inputs"] if each["field"] == "savings").update(meaning)
        return tomli_w.dumps(read).encode()

    return change


@pytest.mark.parametrize(
    ("meaning", "changes", "read"),
    [
        ({"missing": "default", "default": "A65"}, {"savings": None}, True),
        ({"unknown": "default", "default": "A65"}, {"savings": "A99"}, True),
        ({"unknown": "default", "default": "A65"}, {"savings": None}, False),
    ],
)
def test_card_says_what_an_unreadable_field_means(
    altered: Altered, application: dict[str, Any], meaning: dict[str, str], changes: dict[str, Any], read: bool
) -> None:
    model = Model.load(altered(card=declaring(**meaning)))
    verdict = model.decide({**application, **changes})
    unread = [held.field for held in verdict.held if held.why in (Why.MISSING, Why.UNKNOWN)]
    assert unread == ([] if read else ["savings"])
    assert verdict.score == (model.predict({**application, "savings": "A65"}) if read else None)


def test_card_may_call_an_unreadable_field_an_error(altered: Altered, application: dict[str, Any]) -> None:
    folder = altered(card=declaring(unknown="error"))
    with pytest.raises(FeatureError, match="savings: holds a code"):
        Model.load(folder).decide({**application, "savings": "A99"})
