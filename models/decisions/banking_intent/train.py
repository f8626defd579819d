"""Trains the banking intent model: `python -m models.decisions.banking_intent.train --data FILE`.

FILE is the training file of BANKING77 (`models.decisions.banking_intent.data`); it is no part of the project. What is
written, and what it is worth, `models.decisions.training` says.
"""

from __future__ import annotations

import sys

from models.decisions.banking_intent.data import ABOUT, read
from models.decisions.texts.training import trainer

main = trainer(ABOUT, read, "the data, train.csv").main

if __name__ == "__main__":
    sys.exit(main())
