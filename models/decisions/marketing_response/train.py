"""Trains the marketing response model: `python -m models.decisions.marketing_response.train --data FILE`.

FILE is the data of bank marketing, a packed CSV file (`models.decisions.marketing_response.data` names the source); it
is no part of the project. What is written, and what it is worth, `models.decisions.training` says.
"""

from __future__ import annotations

import sys

from models.decisions.marketing_response.card import CODE, NAME, card
from models.decisions.marketing_response.data import Data
from models.decisions.marketing_response.model import DELTA, TARGET, train
from models.decisions.training import Trainer

main = Trainer(
    name=NAME,
    code=CODE,
    of="marketing response",
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
