"""What a model file may contain, checked on its bytes before onnxruntime sees them.

Only two things are let through: standard operators, and weights that are inside the file. A tensor kept in a file
of its own could point anywhere on the disk, and an operator of another domain could be anybody's code. The file is
protobuf (onnx.proto3); this walks its wire format and needs no schema beyond the field numbers below, so that
serving does not depend on the onnx package.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.serving.errors import RefusedModelError

ALLOWED_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})

# message → field number → message of that field; everything that can hold an operator or a tensor, at any depth
_NESTED = {
    "Model": {7: "Graph", 20: "Training", 25: "Function"},
    "Training": {1: "Graph", 2: "Graph"},
    "Function": {7: "Node", 11: "Attribute"},
    "Graph": {1: "Node", 5: "Tensor", 15: "SparseTensor"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "SparseTensor", 23: "SparseTensor"},
    "SparseTensor": {1: "Tensor", 2: "Tensor"},
    "Tensor": {},
}
_DOMAIN_FIELD = {"Node": 7, "Function": 10}
_TENSOR_EXTERNAL_DATA, _TENSOR_DATA_LOCATION = 13, 14
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_VARINT_BITS = 0xFFFF_FFFF_FFFF_FFFF
_TAG_BITS = 0xFFFF_FFFF  # protobuf reads a tag as 32 bits and lets go of what is above, so a high number is a low one
_MAX_DEPTH = 50


def check(model: bytes) -> None:
    """Returns if the file may be loaded; raises RefusedModelError naming the reason if not."""
    try:
        _walk("Model", memoryview(model), 0)
    except (IndexError, UnicodeDecodeError):
        raise RefusedModelError("Model file: not ONNX. Install the model again or train it anew.") from None


def _walk(message: str, data: memoryview, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise RefusedModelError(
            f"Model file: nested deeper than {_MAX_DEPTH} levels. Train a model without such subgraphs."
        )
    for number, value in _fields(data):
        if message == "Tensor" and (
            number == _TENSOR_EXTERNAL_DATA or (number == _TENSOR_DATA_LOCATION and value != 0)
        ):
            raise RefusedModelError("Model file: has weights in another file. Save the model with all weights inside.")
        if isinstance(value, int):
            continue
        if number == _DOMAIN_FIELD.get(message) and (domain := str(value, "utf-8")) not in ALLOWED_DOMAINS:
            raise RefusedModelError(
                f"Model file: uses operators of {domain!r}. Convert the model to standard ONNX operators."
            )
        if number in _NESTED[message]:
            _walk(_NESTED[message][number], value, depth + 1)


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """Field numbers with their values: bytes of length-delimited fields, integers of the others."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        tag &= _TAG_BITS
        kind = tag & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield tag >> 3, value
            continue
        if kind == _BYTES:
            length, at = _varint(data, at)
        elif kind in (_FIXED64, _FIXED32):
            length = 8 if kind == _FIXED64 else 4
        else:
            raise IndexError(kind)
        if at + length > len(data):
            raise IndexError(at)
        yield tag >> 3, data[at : at + length]
        at += length


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _VARINT_BITS, at
        shift += 7
        if shift > 63:
            raise IndexError(at)
