"""The committed model, cases for it, and the shared data where it is at hand."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models.serving.predict import Model
from models.serving.registry import FOLDER, Registry

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def model() -> Model:
    return Registry().get("credit-risk")


@pytest.fixture
def application(model: Model) -> dict[str, Any]:
    """An application that the model can read: its reference profile."""
    return dict(model.card.reference.values)


@pytest.fixture(scope="session")
def parity_cases() -> list[dict[str, Any]]:
    """Made-up inputs, each with the score that the model gave in training, before it became ONNX."""
    text = (FOLDER / "credit-risk" / "2" / "parity.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def altered(tmp_path: Path) -> Callable[..., Path]:
    """Copies the committed model; every argument changes one file by its function."""

    def make(**changes: Callable[[bytes], bytes]) -> Path:
        folder = tmp_path / "credit-risk" / "2"
        shutil.copytree(FOLDER / "credit-risk" / "2", folder)
        for stem, change in changes.items():
            path = next(folder.glob(f"{stem}.*"))
            path.write_bytes(change(path.read_bytes()))
        return folder

    return make


@pytest.fixture(scope="session")
def german_credit() -> Path:
    """The German credit data, which is no part of the project."""
    return _shared("german-credit", "train.data")


@pytest.fixture(scope="session")
def taiwan_default() -> Path:
    """The data of card clients in Taiwan, which is no part of the project."""
    return _shared("taiwan-default", "train.csv.gz")


@pytest.fixture(scope="session")
def bank_marketing() -> Path:
    """The data of calls of a bank, which is no part of the project."""
    return _shared("bank-marketing", "train.csv.gz")


@pytest.fixture(scope="session")
def banking77() -> Path:
    """Questions to an online bank, which are no part of the project."""
    return _shared("banking77", "train.csv")


def _shared(*names: str) -> Path:
    path = Path(os.environ.get("EXLIFY_SHARED_DATA", ROOT.parent / "shared" / "data")).joinpath(*names)
    if not path.exists():
        pytest.skip(f"{path} is not at hand; EXLIFY_SHARED_DATA names the folder of the shared data")
    return path
