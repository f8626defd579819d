"""Folders of models for tests: the committed one copied, with what each test changes of it."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

from models.serving.certificate import covered, sealed
from models.serving.shelf import BUNDLED

ELEMENT_TYPE_FLOAT = 1


def models_folder(folder: Path, *names: str, more: str = "") -> Path:
    """A folder with copies of the committed model under these names, all active; `more` is said in their cards."""
    for name in names:
        place = folder / name / "1"
        shutil.copytree(BUNDLED / "credit-risk" / "2", place)
        card = (place / "card.toml").read_text().replace('version = "2"', 'version = "1"', 1)
        (place / "card.toml").write_text(card.replace('name = "credit-risk"', f'name = "{name}"', 1) + more)
        covers = covered((place / "model.onnx").read_bytes(), (place / "card.toml").read_bytes())
        proof = (place / "certificate.toml").read_text().rpartition("\n# seal: ")[0]
        proof = proof.replace('version = "2"', 'version = "1"', 1).replace('model = "credit-risk"', f'model = "{name}"')
        proof = re.sub(r'covers = "[0-9a-f]+"', f'covers = "{covers}"', proof)
        (place / "certificate.toml").write_bytes(sealed(proof))
    lines = "".join(f'{name} = "1"\n' for name in names)
    (folder / "active.toml").write_text(f"[active]\n{lines}")
    return folder


def replace_model(place: Path, model: bytes) -> None:
    """Another file, which the card pins: what is wrong with it is inside."""
    (place / "model.onnx").write_bytes(model)
    pinned = f'sha256 = "{hashlib.sha256(model).hexdigest()}"'
    card = (place / "card.toml").read_text()
    (place / "card.toml").write_text(re.sub(r'sha256 = "[0-9a-f]{64}"', pinned, card, count=1))


def graph(*nodes: bytes, outputs: tuple[tuple[str, int], ...], width: int) -> bytes:
    """An ONNX file of nodes, which takes `row`, float32[n, width]; `outputs` are names and numbers of dimensions."""
    parts = [field(1, node) for node in nodes] + [field(2, b"g"), field(11, _value("row", (-1, width)))]
    parts += [field(12, _value(name, (-1,) * dimensions)) for name, dimensions in outputs]
    return number_field(1, 8) + field(7, b"".join(parts)) + field(8, field(1, b"") + number_field(2, 18))


def node(operator: str, inputs: tuple[str, ...], output: str, *attributes: bytes) -> bytes:
    """One node of a graph."""
    parts = [field(1, name.encode()) for name in inputs] + [field(2, output.encode()), field(4, operator.encode())]
    return b"".join(parts) + b"".join(field(5, each) for each in attributes)


def number(name: str, value: int) -> bytes:
    """An attribute that is an integer."""
    return field(1, name.encode()) + number_field(3, value) + number_field(20, 2)


def _value(name: str, dimensions: tuple[int, ...]) -> bytes:
    shape = b"".join(field(1, number_field(1, size) if size > 0 else field(2, b"n")) for size in dimensions)
    return field(1, name.encode()) + field(2, field(1, number_field(1, ELEMENT_TYPE_FLOAT) + field(2, shape)))


def field(number: int, data: bytes) -> bytes:
    """A field that holds bytes, as protobuf writes it."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def number_field(number: int, value: int) -> bytes:
    """A field that holds a number, as protobuf writes it."""
    return varint(number << 3) + varint(value)


def varint(value: int) -> bytes:
    """A number as protobuf writes it."""
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])
