"""Latency and faults on demand, per system, from a seed: the same orders give the same faults in the same places."""

from __future__ import annotations

import random
from typing import Literal

import msgspec


class Order(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What shall go wrong with the requests of one system; body of `POST /faults`."""

    system: str
    latency_ms: int = 0  # every request takes at least so long
    jitter_ms: int = 0  # and up to so much longer
    error_rate: float = 0.0  # share of the requests that a fault hits, 0 to 1
    status: int = 500  # what such a request is answered with
    retry_after_s: int | None = None  # header Retry-After of that answer
    drop_connection: bool = False  # instead of an answer
    when: Literal["before", "after"] = "before"  # the fault comes before or after the effect
    times: int | None = None  # no more faults after so many; None: no end
    seed: int = 0


class Fault(msgspec.Struct, frozen=True):
    """What is to happen to one request."""

    latency_s: float
    order: Order | None  # None: nothing goes wrong

    def hits(self, when: str) -> bool:
        """Whether something goes wrong at this moment, `before` or `after` the effect."""
        return self.order is not None and self.order.when == when


class Faults:
    """The orders in force, one per system; a new one takes the place of the old one and starts its seed anew."""

    def __init__(self) -> None:
        self._orders: dict[str, Order] = {}
        self._dice: dict[str, random.Random] = {}
        self._hits: dict[str, int] = {}

    def set(self, order: Order) -> None:
        """Puts an order in force."""
        self._orders[order.system] = order
        self._dice[order.system] = random.Random(order.seed)
        self._hits[order.system] = 0

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self._orders.clear()

    def orders(self) -> list[Order]:
        """The orders in force."""
        return list(self._orders.values())

    def next(self, system: str) -> Fault:
        """What happens to the next request of the system."""
        order = self._orders.get(system)
        if order is None:
            return Fault(0.0, None)
        dice = self._dice[system]
        latency_s = (order.latency_ms + order.jitter_ms * dice.random()) / 1000
        hit = dice.random() < order.error_rate and (order.times is None or self._hits[system] < order.times)
        self._hits[system] += hit
        return Fault(latency_s, order if hit else None)
