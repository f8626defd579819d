"""One run of customer onboarding through a whole site, and what must be true after it. Gives figures for the report."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence

from models.serving.registry import Registry
from schemas import ids
from streams.runtime.parking import PARKING
from tests.acceptance import chaos
from tests.acceptance.cases import Case, Expected, expected
from tests.acceptance.journey import Outcomes, Subscriber, deliver, reviewers
from tests.acceptance.site import Site

SLOW = {"latency_ms": 20, "jitter_ms": 400}  # of the systems outside, so that a kill finds calls under way

Figures = dict[str, float]


async def run(site: Site, cases: Sequence[Case]) -> Figures:
    """Every application once, nobody is killed. Fails where an outcome is not what it must be."""
    subscriber = Subscriber(site, (case.instance_id for case in cases))
    async with reviewers(site):
        began = time.monotonic()
        await deliver(site, cases)
        accepted_s = time.monotonic() - began
        await subscriber.all_ended()
        seconds = time.monotonic() - began
    return await verified(site, cases, subscriber) | {
        "seconds": round(seconds, 2),
        "accepted_s": round(accepted_s, 2),
        "per_s": round(len(cases) / seconds, 1),
    }


async def run_with_kills(site: Site, cases: Sequence[Case], *, kills: int, seed: int) -> Figures:
    """Every application is delivered twice, while every process is killed `kills` times with -9."""
    subscriber = Subscriber(site, (case.instance_id for case in cases))
    shares = iter(_shares(cases, kills * len(site.names)))
    deliveries: list[asyncio.Task[None]] = []

    def feed() -> None:
        deliveries.append(asyncio.create_task(deliver(site, next(shares), times=2)))

    async with reviewers(site), site.slowed(SLOW):
        began = time.monotonic()
        journal = await chaos.unleash(site, seed, site.names, kills, feed)
        await asyncio.gather(*deliveries)
        await subscriber.all_ended()
        seconds = time.monotonic() - began
    await site.ready()
    assert len(journal) == kills * len(site.names)
    return await verified(site, cases, subscriber) | {"seconds": round(seconds, 2), "kills": len(journal), "seed": seed}


def _shares(cases: Sequence[Case], count: int) -> list[Sequence[Case]]:
    return [cases[number::count] for number in range(count)]


async def verified(site: Site, cases: Sequence[Case], subscriber: Subscriber) -> Figures:
    outcomes = await subscriber.until_quiet()
    registry = Registry()
    wanted = {case.instance_id: expected(case, registry) for case in cases}
    _check_outcomes(outcomes, wanted)
    calls = await _check_ledgers(site, wanted)
    assert not site.read(PARKING), "records were parked"
    routes = Counter(each.route for each in wanted.values())
    return {
        "outcomes": len(outcomes.decoded),
        "outcomes_repeated_on_the_wire": outcomes.repeated,
        "calls_repeated": calls,
        **{f"route_{route}": count for route, count in routes.items()},
    }


def _check_outcomes(outcomes: Outcomes, wanted: dict[str, Expected]) -> None:
    """One outcome for each instance, whose repetitions on the wire are the same bytes, and it says what it must."""
    assert len(outcomes.values) == len(wanted) == len(outcomes.decoded)
    assert not outcomes.contradicted
    faulted = {key: each["error"] for key, each in outcomes.decoded.items() if each["status"] != "completed"}
    assert not faulted
    found = {key: _found(each["output"].value()) for key, each in outcomes.decoded.items()}
    wrong = {key: (found[key], each) for key, each in wanted.items() if found[key] != each}
    assert not wrong


def _found(output: dict[str, object]) -> Expected:
    risk = output["risk"]
    assert isinstance(risk, dict)
    assert ("account" in output) == (output["decision"] != "rejected")
    return Expected(risk["route"], risk["score"], output["decision"], output.get("identity"), output.get("sanctioned"))  # type: ignore[arg-type]


async def _check_ledgers(site: Site, wanted: dict[str, Expected]) -> int:
    """Each outside system did each thing once; returns how many calls came again under their own key."""
    opened = {key for key, each in wanted.items() if each.opens_account}
    approved = {key for key, each in wanted.items() if each.decision == "approved"}
    again = 0
    for system, served in (("erp", opened), ("identity", opened), ("mail", approved)):
        ledger = await site.ledger(system)
        ours = {each["body"] for each in ledger["entries"] if ids.instance_of(each["key"]) in wanted}
        assert not ours & set(ledger["repeated"]), f"{system} did the same thing twice"
        assert ledger["requests"] <= len(ledger["entries"]), "the ledger has more entries than it shows"
        entries = [(entry["result"], ids.instance_of(entry["key"])) for entry in ledger["entries"]]
        done = Counter(instance for result, instance in entries if result == "done" and instance in wanted)
        assert done == Counter(served), f"{system}: not one effect for each application"
        again += sum(result == "replayed" and instance in wanted for result, instance in entries)
    return again
