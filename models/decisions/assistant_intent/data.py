"""The data of CLINC150: what people ask an assistant, each with its intent, and some that is about nothing of it.

“CLINC150, by Stefan Larson, Anish Mahendran, Joseph J. Peper, Christopher Clarke, Andrew Lee, Parker Hill, Jonathan K.
Kummerfeld, Kevin Leach, Michael A. Laurenzano, Lingjia Tang and Jason Mars, An Evaluation Dataset for Intent
Classification and Out-of-Scope Prediction, EMNLP-IJCNLP 2019. CC BY 3.0.” The rows are not part of the project.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

from models.decisions.texts.card import About
from models.decisions.texts.data import OUTSIDE, Texts

SEED = 150
LEARNT, ASIDE, TESTED = ("train",), ("oos_train",), ("val", "oos_val")
_OUT_OF_SCOPE = "oos"

ABOUT = About(
    name="assistant-intent",
    code="models.decisions.assistant_intent",
    of="assistant intent",
    purpose=(
        "What somebody asks an assistant for, as one of 150 intents of ten domains; a person reads what it is not sure "
        "of, and so what is about something else."
    ),
    limits=(
        "For demonstration. English requests of a line, written by crowd workers. One held-out text in thirty is about "
        "none of the intents; where more are, more of those that the model takes are wrong than was certified."
    ),
    reference=("usual-request/1", "What is the balance of my checking account?"),
    terms=8_000,
    seed=SEED,
    data="CLINC150",
    link="https://github.com/clinc/oos-eval",
    licence="CC BY 3.0, https://creativecommons.org/licenses/by/3.0/",
    attribution=(
        "CLINC150, by Stefan Larson, Anish Mahendran, Joseph J. Peper, Christopher Clarke, Andrew Lee, Parker Hill, "
        "Jonathan K. Kummerfeld, Kevin Leach, Michael A. Laurenzano, Lingjia Tang and Jason Mars, An Evaluation "
        "Dataset for Intent Classification and Out-of-Scope Prediction, EMNLP-IJCNLP 2019, "
        "https://github.com/clinc/oos-eval, CC BY 3.0. Changed: test splits and 40 other rows left out, "
        "file laid out anew."
    ),
)


def read(path: Path) -> Texts:
    """The data of a file. Raises OSError, and ValueError for what is none of this data."""
    raw = path.read_bytes()
    try:
        parts = json.loads(raw)
        rows = [(str(text), str(label), part) for part in (*LEARNT, *ASIDE, *TESTED) for text, label in parts[part]]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError("lacks parts of the data, or is no JSON.") from None
    if not rows:
        raise ValueError("has no rows.")
    labels = tuple(OUTSIDE if label == _OUT_OF_SCOPE else label for _, label, _ in rows)
    held_out = np.array([part in TESTED for _, _, part in rows])
    return Texts(hashlib.sha256(raw).hexdigest(), tuple(text for text, _, _ in rows), labels, held_out)
