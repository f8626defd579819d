"""What makes a scenario, and the seed of this run."""

from __future__ import annotations

import os
import random
from collections.abc import Callable

from tests.crash.harness import Scenario

RUN_SEED = int(os.environ.get("EXLIFY_CRASH_SEED") or random.SystemRandom().randrange(10**6))
os.environ["EXLIFY_CRASH_SEED"] = str(RUN_SEED)  # of all processes of a run that is split

MakeScenario = Callable[..., Scenario]
