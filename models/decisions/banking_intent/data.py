"""The data of BANKING77: questions of customers to an online bank, each with its intent.

“BANKING77, by Iñigo Casanueva, Tadas Temčinas, Daniela Gerz, Matthew Henderson and Ivan Vulić (PolyAI), Efficient
Intent Detection with Dual Sentence Encoders, NLP for ConvAI 2020, arXiv:2003.04807. CC BY 4.0.” The rows are not part
of the project.
"""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from models.decisions.texts.card import About
from models.decisions.texts.data import Texts

SEED = 77
HELD_OUT = 0.2  # stratified by label

ABOUT = About(
    name="banking-intent",
    code="models.decisions.banking_intent",
    of="banking intent",
    purpose="What a question to an online bank is about, as one of 77 intents; a person reads what it is not sure of.",
    limits=(
        "For demonstration. English questions of one kind, a line each; about one label in seven is doubted by those "
        "who have looked. The data has no text that is about something else: how often the model takes such a text for "
        "one of its own nothing says, and the certificate does not speak of it."
    ),
    reference=("usual-question/1", "My new card has not arrived yet, how long does it take?"),
    terms=8_000,
    seed=SEED,
    data="BANKING77",
    link="https://arxiv.org/abs/2003.04807",
    licence="CC BY 4.0, https://creativecommons.org/licenses/by/4.0/",
    attribution=(
        "BANKING77, by Iñigo Casanueva, Tadas Temčinas, Daniela Gerz, Matthew Henderson and Ivan Vulić (PolyAI), "
        "Efficient Intent Detection with Dual Sentence Encoders, NLP for ConvAI 2020, "
        "https://arxiv.org/abs/2003.04807, https://github.com/PolyAI-LDN/task-specific-datasets, CC BY 4.0. "
        "Changed: test split and 29 training rows left out."
    ),
)


def read(path: Path) -> Texts:
    """The data of a file. Raises OSError, and ValueError for what is none of this data."""
    raw = path.read_bytes()
    try:
        rows = list(csv.DictReader(io.StringIO(raw.decode(), newline="")))
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8.") from None
    if not rows or not {"text", "category"} <= rows[0].keys():
        raise ValueError("lacks columns of the data, or has no rows.")
    labels = tuple(row["category"] for row in rows)
    held_out = np.zeros(len(rows), dtype=np.bool_)
    _, tested = train_test_split(np.arange(len(rows)), test_size=HELD_OUT, stratify=labels, random_state=SEED)
    held_out[tested] = True
    return Texts(hashlib.sha256(raw).hexdigest(), tuple(row["text"] for row in rows), labels, held_out)
