"""How long `make fuzz` tries each target: so many minutes (`FUZZ_MINUTES`, 10), in rounds of new random input."""

from __future__ import annotations

import os
import time
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

ROUND = 500  # inputs between two looks at the clock: how long an input takes differs a hundredfold between targets
settings.register_profile(
    "fuzz",
    max_examples=ROUND,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Repeats a target until its time is up or it has found something."""
    until = time.monotonic() + 60 * float(os.environ.get("FUZZ_MINUTES", "10"))
    outcome = yield
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    while time.monotonic() < until:
        pyfuncitem.obj(**arguments)
    return outcome
