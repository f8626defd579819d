"""Chaos with escalation on: what waits too long is told once, also while the channel itself is away, and whatever was
told of ends."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaException

from streams.processors.escalate.alert import OPEN
from streams.processors.escalate.plan import BREAKER, DEADLINE, DELIVERY, INCIDENT
from tests.acceptance.site import GATEWAY
from tests.chaos import people, telling
from tests.chaos.other_clock import FILE
from tests.chaos.run import LONGEST_PAUSE_S, Plan, Scene, scene
from tests.support.figures import Report
from tests.support.waiting import PATIENCE_S

pytestmark = [pytest.mark.broker, pytest.mark.chaos]
WORKERS = ("engine", "steps", "view", GATEWAY)
SLACK_MS = 60_000  # a worker that was killed comes back within
LOOK_S = 0.5
HOUR_S = 3_600
ROOM_BYTES = 64 * 2**20


def seen(stage: Scene) -> telling.Tidings:
    return telling.read(stage.site, stage.folder)


def until(stage: Scene, condition: Callable[[telling.Tidings], Iterable[str]], what: str) -> telling.Tidings:
    """Waits until a condition gives nothing that is missing; whoever has ended by himself is started again."""

    async def met() -> bool:
        stage.tend()
        await asyncio.sleep(LOOK_S)
        try:
            return not [*condition(await asyncio.to_thread(seen, stage))]
        except KafkaException:  # the broker has just come back, and does not know yet what is its own
            return False

    try:
        asyncio.run(stage.site.until(met, what))
    except AssertionError as error:
        raise AssertionError(f"{[*condition(seen(stage))][:10]}: {error}") from None
    return seen(stage)


def not_told(kind: str, channel: str) -> Callable[[telling.Tidings], Iterable[str]]:
    def missing(found: telling.Tidings) -> Iterable[str]:
        return () if any((line["kind"], line["channel"]) == (kind, channel) for line in found.told) else (kind,)

    return missing


def well_again(stage: Scene, found: telling.Tidings) -> Iterable[str]:
    """That a system is back, only work for it shows."""
    missing = [each["title"] for each in found.alerts.values() if (each["kind"], each["status"]) == (BREAKER, OPEN)]
    if missing:
        stage.feed(2)
    return missing


def fed(stage: Scene, victims: Iterable[tuple[str, float]], each: int) -> None:
    """Applications arrive, and one victim after another is killed meanwhile."""
    for name, pause_s in victims:
        stage.feed(each)
        stage.settled(0.5)
        time.sleep(min(pause_s, LONGEST_PAUSE_S))
        stage.kill(name)


def mended(stage: Scene) -> tuple[list[str], dict[str, Any]]:
    """All that waits is told of, then mended by people; gives what must not be, and figures."""
    stage.settled()
    before = until(stage, telling.Tidings.untold, "everything that waits is told of")
    tries = stage.tries()
    by_hand = asyncio.run(people.mended(stage))
    after = until(stage, telling.of_ends, "every alert closed, and who was told of it knows")
    problems = [
        *tries,
        *stage.ends(),
        *telling.of_causes(after, SLACK_MS),
        *telling.of_notices(after.told),
        *telling.of_ends(after),
    ]
    late = [at_ms - after.spans[cause].limit_ms for cause, (_, at_ms) in after.raised.items() if cause in after.spans]
    figures = stage.figures() | {
        "told": dict(Counter(f"{line['channel']} {line['kind']} {line['event']}" for line in after.told)),
        "waited": len([*before.spans]), "mended": by_hand, "raised": len(after.raised),
        "latest_ms": max(late, default=0), "soonest_ms": min(late, default=0),
    }  # fmt: skip
    return problems, figures


def test_what_waits_is_told_once_and_ends_also_while_the_channel_is_away(
    pytestconfig: pytest.Config, tmp_path: Path, report: Report
) -> None:
    option = pytestconfig.getoption
    plan = Plan(option("--seed"), option("--told"), 8, WORKERS, tells=True, patience="5s")
    with scene(plan, tmp_path) as stage:
        victims = iter(plan.victims())
        each = plan.applications // plan.kills
        fed(stage, itertools.islice(victims, 2), each)
        stage.away("team", "charges")
        fed(stage, itertools.islice(victims, 3), each)
        for kind in (DELIVERY, INCIDENT):
            until(stage, not_told(kind, "boss"), f"the boss is told of {kind}, while the team is not there")
        stage.away()
        fed(stage, victims, each)
        until(stage, partial(well_again, stage), "the system is called again")
        problems, figures = mended(stage)
        kinds = {alert["kind"] for alert in seen(stage).alerts.values()}
    report(seed=plan.seed, **figures)
    assert not problems, f"--seed {plan.seed} repeats it: {problems[:20]}"
    assert kinds >= {INCIDENT, DEADLINE, DELIVERY, BREAKER}, "not all of it has happened"


def stepped(stage: Scene, times: int) -> None:
    """Waits until the workers have seen their clock jump so often."""
    deadline = time.monotonic() + PATIENCE_S
    for name in ("engine", "steps"):
        while stage.site.workers.log(name).read_text().count("clock stepped") < times:
            assert time.monotonic() < deadline, f"{name} does not see that its clock has jumped"
            time.sleep(LOOK_S)


def test_a_clock_that_jumps_has_nothing_told_twice_and_nothing_forgotten(
    pytestconfig: pytest.Config, tmp_path: Path, report: Report
) -> None:
    option = pytestconfig.getoption
    plan = Plan(
        option("--seed"),
        option("--told") // 2,
        0,
        WORKERS,
        tells=True,
        patience="5s",
        program="tests.chaos.other_clock",
    )
    with scene(plan, tmp_path) as stage:
        for steps, wrong_by_s in enumerate((-HOUR_S, 0, HOUR_S - 60, 0), 1):  # Kafka takes nothing an hour ahead
            (tmp_path / FILE).write_text(f"{wrong_by_s}")
            stepped(stage, steps)
            stage.feed(plan.applications // 4)
            stage.settled(0.5)
        problems, figures = mended(stage)
    report(seed=plan.seed, **figures)
    assert not problems, f"--seed {plan.seed} repeats it: {problems[:20]}"


@contextmanager
def little_room(folder: Path) -> Iterator[Callable[[bool], None]]:
    """A disk of its own for the local state, which can be full."""
    folder.mkdir()
    mounting = ("mount", "-t", "tmpfs", "-o", f"size={ROOM_BYTES}", "exlify-chaos", str(folder))
    if subprocess.run(mounting, check=False, capture_output=True).returncode != 0:
        pytest.skip("no disk of its own can be had here: mounting one takes root")
    ballast = folder / "ballast"

    def full(is_full: bool) -> None:
        ballast.unlink(missing_ok=True)
        with suppress(OSError), ballast.open("wb", buffering=0) as file:
            while is_full:
                file.write(bytes(4_096))

    try:
        yield full
    finally:
        subprocess.run(("umount", "--lazy", str(folder)), check=True)


def test_a_full_disk_stops_the_workers_and_nothing_is_lost(
    pytestconfig: pytest.Config, tmp_path: Path, report: Report
) -> None:
    option = pytestconfig.getoption
    plan = Plan(option("--seed"), option("--told") // 2, 0, WORKERS, tells=True, patience="5s")
    with little_room(tmp_path / "state") as full, scene(plan, tmp_path) as stage:
        each = plan.applications // 4
        stage.feed(each)
        stage.settled(0.5)
        full(True)
        stage.feed(each)

        deadline = time.monotonic() + PATIENCE_S
        while not stage.ended["steps"]:  # which has something to write; others follow once they have
            assert time.monotonic() < deadline, f"who does not stop on a full disk? {stage.ended}"
            stage.tend()
            time.sleep(LOOK_S)
        full(False)
        stage.feed(2 * each)
        problems, figures = mended(stage)
    report(seed=plan.seed, **figures)
    assert not problems, f"--seed {plan.seed} repeats it: {problems[:20]}"
    for name in stage.ended:
        said = stage.site.workers.log(name).read_text()
        assert "Make room there" in said and "Traceback" not in said, said[-3_000:]
