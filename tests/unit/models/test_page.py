"""The page of a model: its plots are of its figures, it needs nothing beside it, and texts of files stay texts."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from models.making.page import POLICY, model_page
from models.serving.certificate import sealed
from models.serving.errors import RefusedModelError
from models.serving.predict import Model
from models.serving.registry import FOLDER

HOSTILE = "</style><script>alert(1)</script>\"'><img src=//evil.example>\u202e\u0007"


class Tags(HTMLParser):
    """Which tags and attributes a page has."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.mark.parametrize("name", ["credit-risk/2", "credit-approval/1"])
def test_plots_are_of_the_tested_cases(name: str) -> None:
    page, model = model_page(FOLDER / name), Model.load(FOLDER / name)
    certificate = model.band.certificate
    assert certificate is not None
    assert f"certified: {certificate.coverage:.1%} alone, {certificate.wrong / certificate.cases:.1%} wrong" in page
    assert page.count('<circle class=""') == 10 + len(re.findall("below [0-9.]+: ", page))
    assert all(f"<td>{escape(each.label)}</td><td><svg" in page for each in model.card.inputs)


def test_page_needs_nothing_beside_it_and_runs_nothing() -> None:
    page = model_page(FOLDER / "credit-risk" / "2")
    found = Tags(page)
    assert not {"script", "link", "img", "iframe", "base", "form"} & {*found.tags}
    assert not {"src", "href", "style"} & found.attributes and not any(each[:2] == "on" for each in found.attributes)
    style = re.findall("<style>(.*?)</style>", page, re.DOTALL)
    assert [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() in POLICY for each in style] == [True]
    assert "prefers-color-scheme: dark" in style[0] and "@media print" in style[0]


def test_texts_of_a_card_stay_texts(altered: Callable[..., Path]) -> None:
    told = HOSTILE.replace("\\", "\\\\").replace('"', '\\"').replace("\u0007", "\\u0007")

    def hostile(card: bytes) -> bytes:
        told_of = r'(purpose|limits|label|kind|licence) = "(?!code|number).*?"'
        text = re.sub(told_of, lambda found: f'{found[1]} = "{told}"', card.decode())
        return (text + f'\n["{told}"]\n"{told}" = ["{told}"]\n[["x{told}".more]]\n"{told}" = "{told}"\n').encode()

    plain, found = Tags(model_page(FOLDER / "credit-risk" / "2")), Tags(page := model_page(altered(card=hostile)))
    assert {*found.tags} <= {*plain.tags} and found.attributes <= plain.attributes
    assert "&lt;script&gt;" in page and not {"\u202e", "\u0007"} & {*page}
    assert "no: model or card have changed since they were certified. Everything goes to people." in page


@pytest.mark.parametrize(
    "brought",
    [
        "curve = 3",
        'curve = [{threshold = nan, cases = -1, wrong = 9}, {threshold = 0.1, cases = 0, wrong = 0}]\ntested_rows = 1',
        "tested_rows = 5\ncertified = true\ncases = 9\nwrong = 10\nupper_bound = inf",
        "calibration = [{doubt = inf, cases = 2, wrong = 1}]",
        'reasons = [{field = "amount_dm", moves = inf}, {field = "other", moves = 1.0}]',
        "\x00",
    ],
)  # fmt: skip
def test_certificate_that_makes_no_sense_draws_nothing(altered: Callable[..., Path], brought: str) -> None:
    page = model_page(altered(certificate=lambda _: sealed(brought)))
    assert "the certificate cannot be read. Everything goes to people." in page
    assert "<circle" not in page and "What counts" not in page


def test_model_without_a_certificate_has_a_page() -> None:
    page = model_page(FOLDER / "credit-risk" / "1")
    assert "no: there is no certificate. Everything goes to people." in page and "<figure" not in page


def test_folder_without_a_card_has_none(tmp_path: Path) -> None:
    with pytest.raises(RefusedModelError, match="missing"):
        model_page(tmp_path)
