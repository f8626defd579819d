"""One run: applications arrive, systems fail, processes and broker are killed, all from one seed."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from infra.local.errors import LocalError
from infra.local.kafka import KafkaServer
from infra.sandbox.applications import SOURCE, applications
from schemas import ids
from schemas.business import EventTypes
from schemas.cloudevents import CloudEvent
from schemas.codec import Codec
from streams.ground.kafka import client_config
from streams.processors.intake import business_topic
from tests.acceptance.site import Site, working
from tests.chaos import evidence, judging, programs, telling
from tests.chaos.peers import CHANNELS
from tests.chaos.proxy import AWAY
from tests.support.servers import made
from tests.support.waiting import PATIENCE_S

BROKER = "broker"
LONGEST_PAUSE_S = 2.0  # between new work and a kill
REPEATED = 20  # of so many events one comes twice
CONCURRENCY = 64
RESTARTS = 3
QUEUED = 50_000  # events that wait to be taken by the broker


@dataclass(frozen=True)
class Plan:
    """What is to be run."""

    seed: int
    applications: int
    kills: int
    workers: tuple[str, ...] = ("engine", "steps")
    broker: bool = True  # killed like the others
    program: str = "streams.cli"
    faults: str = "all"  # or brief, mute, slow (see `proxy`), or none: no proxy
    workflow: str = "chaos"
    patience: str = "30s"
    tells: bool = False  # whether there are channels (see `telling`)
    environ: tuple[tuple[str, str], ...] = ()  # of the processes

    def victims(self) -> list[tuple[str, float]]:
        """Whom to kill in turn, and after how long a pause: everybody about equally often."""
        dice = random.Random(f"{self.seed}/victims")
        known = [*self.workers, *((BROKER,) if self.broker else ())]
        rounds = chain.from_iterable(dice.sample(known, len(known)) for _ in range(self.kills))
        return [(name, LONGEST_PAUSE_S * dice.random() ** 2) for name in islice(rounds, self.kills)]


class Scene:
    """A site with its broker, before systems that fail."""

    def __init__(self, site: Site, broker: KafkaServer, folder: Path, plan: Plan) -> None:
        self.site, self.folder, self.plan = site, folder, plan
        self.watch = evidence.Watch(site, plan.workflow)
        self.cases: dict[str, str] = {}  # application by instance
        self.ended = Counter[str]()  # workers that ended by themselves
        self._broker = broker
        self._producer = Producer(client_config(site.settings) | {"enable.idempotence": True, "max.in.flight": 1})
        self._events = applications(plan.seed)
        self._dice = random.Random(f"{plan.seed}/events")

    def feed(self, count: int) -> None:
        """So many new applications arrive, some of them twice."""
        types, codec = EventTypes.load(), Codec.offline()
        for _ in range(count):
            event = next(self._events)
            data = event.pop("data")
            self.cases[ids.instance_id(self.plan.workflow, SOURCE, event["id"])] = data["application_id"]
            record = types.encode_event(codec, CloudEvent(event, data))
            for _ in range(1 + (self._dice.randrange(REPEATED) == 0)):
                topic = business_topic(record.topic).name
                while len(self._producer) >= QUEUED:
                    self._producer.poll(1.0)
                self._producer.produce(topic, record.value, record.key, headers=list(record.headers))
        assert self._producer.flush(PATIENCE_S) == 0, "the broker does not take the events"

    def kill(self, name: str) -> None:
        """Kills a worker or the broker with -9, and starts it again."""
        if name == BROKER:
            self._broker.kill()
            self._restart_broker()
        else:
            self.site.kill(name)

    def _restart_broker(self) -> None:
        for _ in range(RESTARTS - 1):
            with suppress(LocalError):  # a machine that is busy elsewhere takes more than the minute that it has
                self._broker.start()
                return
        self._broker.start()

    def away(self, *systems: str) -> None:
        """From now on these systems answer 503, and no others."""
        (self.folder / AWAY).write_text(" ".join(systems))

    def settled(self, share: float = 1.0) -> None:
        """Waits until such a share of what has arrived has ended or waits for people."""
        self.watch.until_settled(self.cases, share, self.tend)

    def tend(self) -> None:
        """What a supervisor does: who has ended by itself, say because no broker was there at its start, comes back."""
        for name in self.site.names:
            if self.site.workers.exit_code(name) is not None:
                self.ended[name] += 1
                self.site.start(name)

    def problems(self) -> list[str]:
        """What must not be, once everything has settled."""
        return [*self.tries(), *self.ends()]

    def tries(self) -> list[str]:
        """What has been asked more often than allowed, as long as no person has it done again."""
        noted = (each for each in evidence.requests(self.folder) if each["system"] not in CHANNELS)
        return [*judging.of_requests((each["request"] for each in noted if each["request"]), self.plan.kills)]

    def problems_of_events(self) -> list[str]:
        """Events that have not come to one end, once nothing is under way any more."""
        asyncio.run(self.site.ready())
        asyncio.run(self.site.quiet())
        while self.watch.fetch():
            continue
        return [*judging.of_events(self.cases, self.watch.outcomes, self.watch.waiting)]

    def ends(self) -> list[str]:
        """Events, effects and letters that have not come to the end they should."""
        of_events = self.problems_of_events()
        outcomes, waiting = self.watch.outcomes, self.watch.waiting
        return [
            *of_events,
            *judging.of_effects(self.cases, outcomes, waiting, evidence.ledger(self.folder)),
            *judging.of_letters(evidence.letters(self.site)),
        ]

    def figures(self) -> dict[str, Any]:
        """What has happened."""
        waiting = chain.from_iterable(self.watch.waiting.values())
        by_cause = Counter(f"{each['pointer']} {each['reason']} {each['error']['effect']}" for each in waiting)
        by_fault = Counter(each["fault"] for each in evidence.requests(self.folder))
        return {
            "applications": len(self.cases), **self.watch.statuses, "incidents": dict(by_cause),
            "ended": dict(self.ended), "faults": dict(by_fault),
        }  # fmt: skip


@contextmanager
def scene(plan: Plan, folder: Path) -> Iterator[Scene]:
    """A site of its own, with a broker that may be killed."""
    folder.mkdir(exist_ok=True)
    (folder / "site").mkdir(exist_ok=True)
    definition = Path(__file__).with_name(f"{plan.workflow}.yaml")
    peers = folder / "peers.json"
    before = (str(folder), str(plan.seed), str(peers), plan.faults)
    broker = made(KafkaServer, folder / "broker")
    with (
        programs.running("tests.chaos.peers", peers, str(folder)) as direct,
        nullcontext(direct)
        if plan.faults == "none"
        else programs.running("tests.chaos.proxy", folder / "proxy.json", *before) as ports,
    ):
        systems = {name: f"http://{programs.LOOPBACK}:{port}" for name, port in ports.items()}
        told = {name: systems.pop(name) for name in CHANNELS}
        if plan.tells:
            (folder / "site" / "channels.yaml").write_text(telling.CHANNELS.format(**told))
        lines = [
            f"{name}: {{url: '{url}', concurrency: {CONCURRENCY}, patience: {plan.patience}}}"
            for name, url in systems.items()
        ]
        (folder / "site" / "connections.yaml").write_text("\n".join(lines) + "\n")
        environ = {"EXLIFY_SITE_DIR": str(folder / "site"), "EXLIFY_CALL_CONCURRENCY": str(4 * CONCURRENCY)}
        environ |= dict(plan.environ)
        try:
            with working(
                broker.start(), folder, {}, [definition], names=plan.workers, program=plan.program, **environ
            ) as site:
                made_scene = Scene(site, broker, folder, plan)
                yield made_scene
                made_scene.watch.close()
        finally:
            broker.stop()


def run(plan: Plan, folder: Path) -> tuple[list[str], dict[str, Any]]:
    """The whole of it; gives what must not be, and figures."""
    with scene(plan, folder) as stage:
        began = time.monotonic()
        victims = plan.victims()
        for count, (name, pause_s) in zip(_shares(plan.applications, len(victims)), victims, strict=True):
            stage.feed(count)
            stage.settled(0.5)
            time.sleep(pause_s)
            stage.kill(name)
        stage.settled()
        seconds = time.monotonic() - began
        problems = stage.problems()
        figures = stage.figures() | {"kills": len(victims), "seed": plan.seed}
        return problems, figures | {"seconds": round(seconds, 1), "per_s": round(plan.applications / seconds, 1)}


def _shares(count: int, parts: int) -> Sequence[int]:
    return [count * (number + 1) // parts - count * number // parts for number in range(parts)]
