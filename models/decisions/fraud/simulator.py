"""Simulated payments by card, with frauds among them and the truth days later. Nothing of it is real.

No payments with known frauds may be had freely, so these are made up: customers who pay near home in habits of their
own, terminals, and three kinds of compromise. A card that is stolen is spent quickly, at terminals anywhere; a terminal
that is compromised gives away what is paid at it, by amounts like any other; an account that is taken over pays, beside
its owner, more than its owner would. It was committed before any model and is not changed after: what a model reaches
here says what its features are worth in such a world, and nothing of the frauds of a real bank.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

DAY_S = 86_400
LATEST_TRUTH_S = 7 * DAY_S  # a fraud is known by then at the latest
EARLIEST_TRUTH_S = DAY_S

Numbers = NDArray[np.float64]
Whole = NDArray[np.int64]


class Kind(IntEnum):
    """How a payment came about."""

    GENUINE = 0
    CARD_STOLEN = 1
    TERMINAL_COMPROMISED = 2
    ACCOUNT_TAKEN_OVER = 3


@dataclass(frozen=True, kw_only=True)
class World:
    """What is simulated. `fraud` is the share of all payments that is aimed at; chance makes it a little different."""

    seed: int
    fraud: float
    days: int = 120
    customers: int = 2_500
    terminals: int = 1_500


@dataclass(frozen=True)
class Payments:
    """Payments in the order of their time; every array has one entry for each of them."""

    at_s: Whole  # since the beginning
    card: Whole
    terminal: Whole
    cents: Whole
    kind: Whole
    known_at_s: Whole  # when a fraud is known as one; of a genuine payment nobody ever hears again

    def __len__(self) -> int:
        return len(self.at_s)

    @property
    def fraud(self) -> NDArray[np.bool_]:
        """Which of them are frauds."""
        found: NDArray[np.bool_] = self.kind != Kind.GENUINE
        return found


# Shares of the frauds, and how a compromise goes on.
SHARES = {Kind.CARD_STOLEN: 0.15, Kind.TERMINAL_COMPROMISED: 0.6, Kind.ACCOUNT_TAKEN_OVER: 0.25}
STOLEN_DAYS, STOLEN_A_DAY, STOLEN_TIMES = 3, 4.0, 2.0
COMPROMISED_DAYS, COMPROMISED_SHARE = 30, 0.9
TAKEN_OVER_DAYS, TAKEN_OVER_A_DAY, TAKEN_OVER_TIMES = 14, 1.0, 4.0
NEAR = 12  # terminals that a customer goes to
LEAST_CENTS, MOST_CENTS = 50, 500_000


def simulate(world: World) -> Payments:
    """All payments of a world; the same world gives the same payments."""
    drawn = np.random.default_rng(world.seed)
    people = _People.draw(world, drawn)
    owners = _genuine(world, people, drawn)
    wanted = world.fraud * len(owners["at_s"])
    parts = [
        _compromised(world, owners, wanted * SHARES[Kind.TERMINAL_COMPROMISED], drawn),
        _beside(world, people, Kind.CARD_STOLEN, STOLEN_DAYS, STOLEN_A_DAY, STOLEN_TIMES, wanted, drawn),
        _beside(
            world, people, Kind.ACCOUNT_TAKEN_OVER, TAKEN_OVER_DAYS, TAKEN_OVER_A_DAY, TAKEN_OVER_TIMES, wanted, drawn
        ),
    ]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in owners}
    order = np.argsort(columns["at_s"], kind="stable")
    columns = {name: values[order] for name, values in columns.items()}
    delay = drawn.integers(EARLIEST_TRUTH_S, LATEST_TRUTH_S, len(order), endpoint=True)
    return Payments(**columns, known_at_s=columns["at_s"] + delay)


@dataclass(frozen=True)
class _People:
    """Habits of each customer."""

    mean: Numbers  # of an amount, in cents
    a_day: Numbers
    near: Whole  # terminals, a row for each customer

    @classmethod
    def draw(cls, world: World, drawn: np.random.Generator) -> _People:
        homes, places = drawn.random((world.customers, 2)), drawn.random((world.terminals, 2))
        far = ((homes[:, None, :] - places[None, :, :]) ** 2).sum(axis=2)
        near = np.argsort(far, axis=1, kind="stable")[:, : min(NEAR, world.terminals)]
        mean = np.exp(drawn.normal(np.log(3_500), 0.7, world.customers))
        return cls(mean, drawn.uniform(0.3, 2.5, world.customers), near.astype(np.int64))


def _genuine(world: World, people: _People, drawn: np.random.Generator) -> dict[str, Any]:
    counts = drawn.poisson(people.a_day * world.days)
    card = np.repeat(np.arange(world.customers), counts)
    day = drawn.integers(0, world.days, len(card))
    in_day = np.clip(drawn.normal(DAY_S * 0.58, DAY_S * 0.17, len(card)), 0, DAY_S - 1).astype(np.int64)
    terminal = people.near[card, drawn.integers(0, people.near.shape[1], len(card))]
    return {
        "at_s": day * DAY_S + in_day,
        "card": card,
        "terminal": terminal,
        "cents": _cents(people.mean[card], drawn),
        "kind": np.zeros(len(card), dtype=np.int64),
    }


def _compromised(world: World, owners: dict[str, Any], wanted: float, drawn: np.random.Generator) -> dict[str, Any]:
    """Payments at a terminal turn into frauds for a while after it was compromised."""
    a_day = len(owners["at_s"]) / world.days / world.terminals
    count = round(wanted / (a_day * COMPROMISED_DAYS * COMPROMISED_SHARE) * _more(world, COMPROMISED_DAYS))
    kind = owners["kind"].copy()
    for terminal, start in zip(
        drawn.integers(0, world.terminals, count).tolist(), _starts(world, COMPROMISED_DAYS, count, drawn), strict=True
    ):
        during = (
            (owners["terminal"] == terminal)
            & (owners["at_s"] >= start)
            & (owners["at_s"] < start + COMPROMISED_DAYS * DAY_S)
        )
        kind[during & (drawn.random(len(kind)) < COMPROMISED_SHARE)] = Kind.TERMINAL_COMPROMISED
    return {**owners, "kind": kind}


def _beside(
    world: World,
    people: _People,
    kind: Kind,
    days: int,
    a_day: float,
    times: float,
    wanted: float,
    drawn: np.random.Generator,
) -> dict[str, Any]:
    """Frauds that come beside what the owner of a card pays."""
    count = round(wanted * SHARES[kind] / (days * a_day) * _more(world, days))
    victims, starts = drawn.integers(0, world.customers, count), _starts(world, days, count, drawn)
    how_many = drawn.poisson(days * a_day, count)
    card = np.repeat(victims, how_many)
    at_s = np.repeat(np.array(starts, dtype=np.int64), how_many) + drawn.integers(0, days * DAY_S, len(card))
    kept = (at_s >= 0) & (at_s < world.days * DAY_S)
    card, at_s = card[kept], at_s[kept]
    return {
        "at_s": at_s,
        "card": card,
        "terminal": drawn.integers(0, world.terminals, len(card)),
        "cents": _cents(people.mean[card] * times, drawn),
        "kind": np.full(len(card), kind, dtype=np.int64),
    }


def _starts(world: World, days: int, count: int, drawn: np.random.Generator) -> list[int]:
    """Also before the beginning, so that the share of frauds is the same on every day."""
    return [int(each) for each in drawn.integers(-days * DAY_S, world.days * DAY_S, count)]


def _more(world: World, days: int) -> float:
    """How many more compromises there are than take place wholly within the days."""
    return (world.days + days) / world.days


def _cents(mean: Numbers, drawn: np.random.Generator) -> Whole:
    """Amounts around a mean, with the long tail that amounts have."""
    return np.clip(mean * np.exp(drawn.normal(-0.125, 0.5, len(mean))), LEAST_CENTS, MOST_CENTS).astype(np.int64)
