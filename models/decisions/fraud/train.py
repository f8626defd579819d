"""Trains the card fraud model: `python -m models.decisions.fraud.train`.

Its payments are simulated, so nothing has to be given. What is written, and what it is worth,
`models.decisions.training` says.
"""

from __future__ import annotations

import sys

from models.decisions.fraud.card import CODE, NAME, card
from models.decisions.fraud.data import Data
from models.decisions.fraud.model import DELTA, TARGET, WORLD, train
from models.decisions.training import Trainer

main = Trainer(
    name=NAME,
    code=CODE,
    of="card fraud",
    data="",
    read=lambda _: Data.of(WORLD),
    train=train,
    card=card,
    groups=lambda data: data.groups,
    target=TARGET,
    delta=DELTA,
).main

if __name__ == "__main__":
    sys.exit(main())
