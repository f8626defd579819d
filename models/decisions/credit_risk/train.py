"""Trains the credit risk model: `python -m models.decisions.credit_risk.train --data FILE`.

FILE is the Statlog German credit data (`models.decisions.credit_risk.data` names the source); it is no part of the
project. What is written, and what it is worth, `models.decisions.training` says.
"""

from __future__ import annotations

import sys

from models.decisions.credit_risk.card import NAME, card, groups
from models.decisions.credit_risk.model import DELTA, TARGET, Data, train
from models.decisions.training import Trainer

main = Trainer(
    name=NAME,
    code="models.decisions.credit_risk",
    of="credit risk",
    data="the German credit data, 21 columns a row",
    read=Data.read,
    train=train,
    card=card,
    groups=groups,
    target=TARGET,
    delta=DELTA,
).main

if __name__ == "__main__":
    sys.exit(main())
