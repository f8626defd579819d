"""Steps of one's own, in Python: what a user's file imports.

    from streams.steps import step

    @step("shipping.quote", effect="read")
    def quote(weight_kg: float, express: bool = False) -> dict[str, float]:
        ...

`exlify worker --steps my_steps.py` carries them out, and `call: shipping.quote` in a definition asks for one.
"""

from streams.steps.context import Context
from streams.steps.declared import step
from streams.steps.errors import InDoubt, NotDone, Refused, Retryable
from streams.steps.retries import Retries
from streams.steps.testing import StepFailed, run_step

__all__ = ["Context", "InDoubt", "NotDone", "Refused", "Retries", "Retryable", "StepFailed", "run_step", "step"]
