"""Trains the credit risk model: `python -m models.decisions.credit_risk.train --data FILE`.

FILE is the Statlog German credit data (`models.decisions.credit_risk.data` names the source); it is no part of the
project. Writes a version of the registry: the ONNX file, its card, its certificate, and made-up cases with scores.
The same data, seed and package versions give the same bytes on the same kind of processor, elsewhere the same scores to
1e-6. A model that nothing is proved of is written, too: it decides nothing, everything goes to people.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import tomli_w

from models.decisions.credit_risk.card import NAME, card, groups
from models.decisions.credit_risk.model import DELTA, TARGET, Data, Trained, train
from models.making.certification import Cases, certificate
from models.serving.card import CARD_FILE, MODEL_FILE, read_card
from models.serving.certificate import CERTIFICATE_FILE, Certificate, covered
from models.serving.predict import SCORE_DECIMALS, Model
from models.serving.registry import FOLDER

PARITY_FILE = "parity.jsonl"
CODE = "models.decisions.credit_risk"  # what made it; the packages are in the card
EXIT_NOT_CERTIFIED = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains, checks and writes one version; 1 if another model is there already, 3 if nothing is proved of it."""
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
    proof = _write(folder, trained, options.version)
    print(json.dumps({"folder": str(folder), "certificate": msgspec.to_builtins(proof)}))
    if not proof.certified:
        print(f"{folder}: nothing is proved of it, so it decides nothing. Everything goes to people.", file=sys.stderr)
        return EXIT_NOT_CERTIFIED
    return 0


def _write(folder: Path, trained: Trained, version: str) -> Certificate:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL_FILE).write_bytes(trained.model)
    (folder / CARD_FILE).write_text(tomli_w.dumps(card(trained, version)))
    (folder / PARITY_FILE).write_text("".join(json.dumps(case) + "\n" for case in trained.parity))
    read, written = read_card(folder)
    covers = covered(trained.model, written)
    proof, text = certificate(read, covers, _held_out(trained), trained.grid, target=TARGET, delta=DELTA, code=CODE)
    (folder / CERTIFICATE_FILE).write_bytes(text)
    Model.load(folder)
    return proof


def _held_out(trained: Trained) -> Cases:
    """The rows that had no part in the model."""
    out = trained.held_out
    rounded = np.round(trained.unseen_scores, SCORE_DECIMALS).tolist()
    scores = [score if known else None for score, known in zip(rounded, trained.readable.tolist(), strict=True)]
    return Cases(
        scores=[score for score, kept in zip(scores, out.tolist(), strict=True) if kept],
        wrong=trained.data.bad[out].tolist(),
        groups={name: members[out].tolist() for name, members in groups(trained.data.lines)},
        sha256=trained.data.sha256,
    )


if __name__ == "__main__":
    sys.exit(main())
