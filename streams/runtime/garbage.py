"""How often a process looks for objects that refer to each other in a circle and to which nobody else does.

Python's collector begins one look for every 700 objects more than before. A batch of records is many thousands, which
all go as soon as it is written: so nearly every look is in vain, and together they were a part of each batch's time.
A page of the console is as many; and now and then a look goes at everything that there is, code and definitions too,
which let one reader in fifteen wait for 0.15 s.
"""

from __future__ import annotations

import gc

EVERY = 20_000  # objects more than at the last look; what waits for it meanwhile are some megabytes at most
OLDER = 10  # looks, then also at those that have outlived some


def look_less_often() -> None:
    """From now on; what is there already (code, schemas, definitions) is looked at no more."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(EVERY, OLDER, OLDER)
