"""Trains the credit risk model: `python -m models.decisions.credit_risk.train --data FILE`.

FILE is the Statlog German credit data (`models.decisions.credit_risk.data` names the source); it is no part of the
project. Writes a version of the registry: the ONNX file, its card, and made-up cases with their scores. The same data,
seed and package versions give the same bytes on the same kind of processor, elsewhere the same scores to 1e-6.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import tomli_w

from models.decisions.credit_risk.card import NAME, card
from models.decisions.credit_risk.model import Data, Trained, train
from models.serving.card import CARD_FILE, MODEL_FILE
from models.serving.predict import Model
from models.serving.registry import FOLDER

PARITY_FILE = "parity.jsonl"


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains, checks and writes one version; 1 if another model is there already."""
    parser = argparse.ArgumentParser(
        prog="python -m models.decisions.credit_risk.train", description="Train the credit risk model."
    )
    parser.add_argument("--data", type=Path, required=True, help="the German credit data, 21 columns a row")
    parser.add_argument("--registry", type=Path, default=FOLDER, help="where the version is written")
    parser.add_argument("--version", default="1", help="number of the version to write")
    options = parser.parse_args(arguments)
    folder = options.registry / NAME / options.version
    try:
        data = Data.read(options.data)
    except OSError as error:
        parser.error(f"--data {options.data}: {error.strerror}")
    trained = train(data)
    if (folder / MODEL_FILE).exists() and (folder / MODEL_FILE).read_bytes() != trained.model:
        print(f"{folder}: holds another model. Give the next number with --version.", file=sys.stderr)
        return 1
    _write(folder, trained, options.version)
    print(json.dumps({"folder": str(folder), "certificate": asdict(trained.certificate)}))
    return 0


def _write(folder: Path, trained: Trained, version: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL_FILE).write_bytes(trained.model)
    (folder / CARD_FILE).write_text(tomli_w.dumps(card(trained, version)))
    (folder / PARITY_FILE).write_text("".join(json.dumps(case) + "\n" for case in trained.parity))
    Model.load(folder)


if __name__ == "__main__":
    sys.exit(main())
