"""The collector of a worker: seldom, and never off."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from streams.runtime.garbage import EVERY, look_less_often


class Ring:
    """Refers to itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_what_only_refers_to_itself_goes_in_the_end() -> None:
    look_less_often()
    rings = [weakref.ref(Ring()) for _ in range(EVERY // 2)]
    kept: list[list[object]] = [[] for _ in range(2 * EVERY)]
    assert kept
    assert sum(ring() is not None for ring in rings) <= 1  # one may have been in the making while it was looked


def test_nothing_is_looked_for_while_a_batch_comes_and_goes() -> None:
    look_less_often()
    looks = [each["collections"] for each in gc.get_stats()]
    for _ in range(10):
        batch = [{"record": n} for n in range(EVERY // 2)]
        del batch
    assert [each["collections"] for each in gc.get_stats()] == looks
