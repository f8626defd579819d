"""Any bytes may stand as the files of a model: they are taken or refused by name, and a refusal says why."""

from __future__ import annotations

from pathlib import Path

import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.serving import onnx_file
from models.serving.card import read_card
from models.serving.errors import RefusedModelError

pytestmark = pytest.mark.fuzz

VERSION = Path(__file__).parents[2] / "models" / "registry" / "credit-risk" / "1"
MODEL, CARD = (VERSION / "model.onnx").read_bytes(), (VERSION / "card.toml").read_text()
PIECES = [
    "[", "]", "[[", "]]", "=", '"', "'", '"""', "\n", "#", ".", ",", "{", "}", "nan", "inf", "-1", "1e999", "true",
    "2026-01-31", "0x1f", "\\ud800", "\x00", "inputs", "orders", "reference", "name", "../../x", "9" * 30, "\xfc",
]  # fmt: skip
noise = st.lists(st.sampled_from(PIECES), max_size=8).map("".join) | st.text(max_size=20)


@given(at=st.floats(0, 1), length=st.integers(0, 40), put=st.binary(max_size=12))
def test_model_file_is_refused_or_harmless(at: float, length: int, put: bytes) -> None:
    begin = int(at * len(MODEL))
    changed = MODEL[:begin] + put + MODEL[begin + length :]
    try:
        onnx_file.check(changed)
    except RefusedModelError as refused:
        assert str(refused)


@given(data=st.binary(max_size=200))
def test_bytes_that_are_no_model_are_refused(data: bytes) -> None:
    try:
        onnx_file.check(data)
    except RefusedModelError as refused:
        assert str(refused)
        return
    with pytest.raises(Exception):  # noqa: B017  # onnxruntime's own, of several kinds
        ort.InferenceSession(data or b"x")


@given(at=st.floats(0, 1), length=st.integers(0, 60), put=noise)
def test_card_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, at: float, length: int, put: str) -> None:
    begin = int(at * len(CARD))
    folder = tmp_path_factory.getbasetemp() / "card"
    folder.mkdir(exist_ok=True)
    (folder / "card.toml").write_bytes((CARD[:begin] + put + CARD[begin + length :]).encode(errors="surrogatepass"))
    try:
        read_card(folder)
    except RefusedModelError as refused:
        assert "card.toml" in str(refused)
