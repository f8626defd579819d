"""Trains the credit approval model: `python -m models.decisions.credit_approval.train --data FILE`.

FILE is the data of credit card clients in Taiwan, a packed CSV file (`models.decisions.credit_approval.data` names the
source); it is no part of the project. What is written, and what it is worth, `models.decisions.training` says.
"""

from __future__ import annotations

import sys

from models.decisions.credit_approval.card import CODE, NAME, card
from models.decisions.credit_approval.data import Data
from models.decisions.credit_approval.model import DELTA, TARGET, train
from models.decisions.training import Trainer

main = Trainer(
    name=NAME,
    code=CODE,
    of="credit approval",
    data="the data, train.csv.gz",
    read=Data.read,
    train=train,
    card=card,
    groups=lambda data: data.groups,
    target=TARGET,
    delta=DELTA,
).main

if __name__ == "__main__":
    sys.exit(main())
