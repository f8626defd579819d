"""Model files: hostile ones, made with the onnx package, are refused before anything loads them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.serving import onnx_file
from models.serving.errors import RefusedModelError
from models.serving.registry import FOLDER
from tests.support.model_folders import varint

HOSTILE = Path(__file__).parent / "hostile"
GOOD = (FOLDER / "credit-risk" / "2" / "model.onnx").read_bytes()


@pytest.mark.parametrize("name", ["external_weights", "external_in_constant", "external_in_branch"])
def test_weights_in_another_file_are_refused(name: str) -> None:
    with pytest.raises(RefusedModelError, match="weights in another file"):
        onnx_file.check((HOSTILE / f"{name}.onnx").read_bytes())


@pytest.mark.parametrize("name", ["foreign_operator", "foreign_function"])
def test_operators_of_other_domains_are_refused(name: str) -> None:
    with pytest.raises(RefusedModelError, match=r"operators of 'com\.example'"):
        onnx_file.check((HOSTILE / f"{name}.onnx").read_bytes())


def test_committed_model_is_let_through() -> None:
    onnx_file.check(GOOD)


def _wrapped(field: int, data: bytes) -> bytes:
    """`data` as a length-delimited field of a message around it."""
    size = len(data)
    length = bytes([size]) if size < 128 else bytes([size & 0x7F | 0x80, size >> 7])
    return bytes([field << 3 | 2]) + length + data


def test_graphs_nested_without_end_are_refused() -> None:
    graph = b""
    for _ in range(20):
        graph = _wrapped(1, _wrapped(5, _wrapped(6, graph)))  # a graph whose node has an attribute that is a graph
    with pytest.raises(RefusedModelError, match="nested deeper"):
        onnx_file.check(_wrapped(7, graph))


@pytest.mark.parametrize("above", [1 << 29, 1 << 31, 0x7F << 29])
@pytest.mark.parametrize("name", ["foreign_operator", "external_weights"])
def test_field_numbers_count_as_protobuf_reads_them(name: str, above: int) -> None:
    graph = b"".join(_fields_of((HOSTILE / f"{name}.onnx").read_bytes(), 7))
    tag = varint((above + 7) << 3 | 2)
    with pytest.raises(RefusedModelError, match=r"weights in another file|operators of"):
        onnx_file.check(tag + varint(len(graph)) + graph)


def _fields_of(message: bytes, number: int) -> list[bytes]:
    return [bytes(value) for found, value in onnx_file._fields(memoryview(message)) if found == number]


@given(st.binary(max_size=200))
def test_garbage_never_ends_in_another_error(data: bytes) -> None:
    try:
        onnx_file.check(data)
    except RefusedModelError as refused:
        assert str(refused).startswith("Model file:")


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_damaged_model_never_ends_in_another_error(at: int, byte: int) -> None:
    try:
        onnx_file.check(GOOD[:at] + bytes([byte]) + GOOD[at + 1 :])
    except RefusedModelError as refused:
        assert str(refused).startswith("Model file:")
