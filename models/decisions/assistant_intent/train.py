"""Trains the assistant intent model: `python -m models.decisions.assistant_intent.train --data FILE`.

FILE is the training and validation part of CLINC150 (`models.decisions.assistant_intent.data`); it is no part of the
project. What is written, and what it is worth, `models.decisions.training` says.
"""

from __future__ import annotations

import sys

from models.decisions.assistant_intent.data import ABOUT, read
from models.decisions.texts.training import trainer

main = trainer(ABOUT, read, "the data, train_val.json").main

if __name__ == "__main__":
    sys.exit(main())
