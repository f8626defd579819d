"""The torture harness: seeded input, real workers, recorded failures, and a comparison with the run without faults.

A scenario owns its topics, its group and its folder, so that many share a broker. What it does is written into its
journal; a failure shows seed and journal, and the same seed gives the same input and the same sequence of failures.
"""

from __future__ import annotations

import asyncio
import random
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from confluent_kafka import KafkaError, KafkaException, Producer

from streams.ground.provision import provision
from streams.ground.settings import Settings
from streams.ground.topic import changelog
from streams.runtime.epochs import FENCE_KEY, EpochReader, LogRecord, decode_epoch
from streams.runtime.parking import PARKING
from streams.runtime.processor import Headers, Record
from streams.runtime.store import Position, Store, decode_row
from streams.runtime.table import NOWHERE
from tests.crash.inputs import DONE, DOUBTFUL, TABLE, Input, topic
from tests.crash.ledger import Ledger
from tests.crash.logs import Log
from tests.crash.toys import KINDS, Booker
from tests.crash.workers import Workers

PARTITIONS = 3
PATIENCE_S = 120.0  # generous: a bound on hanging, not a measure
LOOK_S = 0.05
LONGEST_LOOK_S = 30.0  # more was a machine that stood still, which is nobody's hanging
ENDED = (0, -15)  # a worker that is asked to stop before it can listen ends by the signal
COMPACTING = {
    "segment.ms": "500",
    "segment.bytes": "1048576",
    "min.cleanable.dirty.ratio": "0.01",
    "min.compaction.lag.ms": "0",
    "max.compaction.lag.ms": "500",
}


class Scenario:
    """One processor under torture."""

    def __init__(
        self,
        kind: str,
        name: str,
        bootstrap: str,
        folder: Path,
        seed: int,
        *,
        ledger: Ledger | None = None,
        changelog_config: Mapping[str, str] | None = None,
        **environ: str,
    ) -> None:
        self.kind = KINDS[kind]
        self.name = name
        self.seed = seed
        self.random = random.Random(seed)
        self.published: list[Input] = []
        self.journal: list[str] = []
        self.max_doubts: int | None = None  # outcomes in doubt; None: one for each call that a launch may have left
        self.bootstrap = bootstrap
        self._folder = folder
        self._ledger = ledger
        self._changelog_config = dict(changelog_config or {})
        self.log = Log(bootstrap, f"exlify-{name}")
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "max.in.flight": 1,  # else the first record of a new partition may be lost (`Publisher._send`)
                "message.max.bytes": 2_097_152,
                "log_level": 0,
            }
        )
        self._refused: list[str] = []  # what the broker did not take, and why
        self.workers = Workers(
            lambda worker: ("-m", "tests.crash.toy_worker", worker, f"{kind}={name}"), self._environ(environ), folder
        )

    def _environ(self, more: Mapping[str, str]) -> dict[str, str]:
        return {
            "EXLIFY_BOOTSTRAP": self.bootstrap,
            "EXLIFY_DATA_DIR": str(self._folder),
            "EXLIFY_REGISTRY_URL": "none",
            "EXLIFY_PARTITIONS": str(PARTITIONS),
            "EXLIFY_SESSION_TIMEOUT_MS": "2000",
            "EXLIFY_COMMIT_INTERVAL_MS": "100",
            "EXLIFY_MAX_BATCH_RECORDS": "20",
            "EXLIFY_TOY_LEDGER": self._ledger.url if self._ledger else "",
            **more,
        }

    def __enter__(self) -> Scenario:
        log = changelog(self.name, TABLE)
        log = replace(log, config={**log.config, **self._changelog_config})
        settings = Settings(bootstrap=self.bootstrap, partitions=PARTITIONS)
        asyncio.run(provision(settings, (topic(self.name, "in"), topic(self.name, "out"), PARKING, log)))
        return self

    def __exit__(self, *_: object) -> None:
        self.workers.kill_all()
        self.log.close()

    # --- input

    def inputs(self, count: int, keys: int = 30) -> list[Input]:
        """Further items: numbered within each key, keys in any order, some of them twice (the second later)."""
        numbers = dict.fromkeys((b"k%d" % i for i in range(keys)), 0)
        for item in self.published:
            numbers[item.key] = max(numbers.get(item.key, 0), item.number)
        made: list[Input] = []
        for _ in range(count):
            key = self.random.choice(sorted(numbers))
            numbers[key] += 1
            made.append(Input(key, numbers[key], b"%d" % self.random.randrange(10**6)))
        for item in self.random.sample(made, count // 10):
            made.insert(self.random.randint(made.index(item) + 1, len(made)), item)
        return made

    def publish(self, items: Sequence[Input]) -> None:
        """Publishes items and returns once the broker has them."""
        self.note(f"publish {len(items)}")
        self._publish(items)

    def _publish(self, items: Sequence[Input]) -> None:
        for item in items:
            self.send(item.key, item.value)
        self.flush()
        self.published.extend(items)

    def send(self, key: bytes | None, value: bytes | None, headers: Headers = ()) -> None:
        """Any record; `flush` waits for it."""
        number = zlib.crc32(key or b"") % PARTITIONS
        while True:
            try:
                self._producer.produce(
                    f"{self.name}.in", value, key, number, headers=list(headers), on_delivery=self._delivered
                )
                return
            except BufferError:
                self._producer.poll(0.1)

    def flush(self) -> None:
        """Returns once the broker has everything that was sent."""
        left = self._producer.flush(PATIENCE_S)
        assert (left, self._refused) == (0, []), "the broker does not take the input"

    def _delivered(self, error: KafkaError | None, _: object) -> None:
        if error is not None:
            self._refused.append(str(error))

    # --- watching

    def note(self, line: str) -> None:
        """Writes down what is done, in its order."""
        self.journal.append(line)

    def wait_until(self, what: str, condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
        """Looks until something is so, and starts again the workers that end meanwhile."""
        waited_s, last_look = 0.0, time.monotonic()
        while not self._holds(condition):
            self.workers.tend()
            assert waited_s < patience_s, self.report([f"not in {patience_s:.0f} s: {what}"])
            time.sleep(LOOK_S)
            now = time.monotonic()
            waited_s += min(now - last_look, LONGEST_LOOK_S)
            last_look = now
        self.note(what)

    def wait_under_load(self, what: str, condition: Callable[[], bool]) -> None:
        """The same, while a few items more are published with every look."""

        def loaded() -> bool:
            if condition():
                return True
            self._publish(self.inputs(3))
            return False

        self.wait_until(what, loaded)

    def _holds(self, condition: Callable[[], bool]) -> bool:
        try:
            return condition()
        except KafkaException:
            return False  # no broker answers just now

    def progress(self) -> int:
        """Input records that the group is through with."""
        return sum(self.log.committed(f"{self.name}.in", PARTITIONS))

    def wait_for_progress(self, records: int) -> None:
        """Waits until the group is through with so many more records, under load."""
        begun: list[int] = []

        def advanced() -> bool:
            now = self.progress()
            begun.append(now)
            return now >= begun[0] + records

        self.wait_under_load(f"{records} records on", advanced)

    def drained(self) -> bool:
        """Whether everything is done: positions at the end, and nothing that falls due is left."""
        if self.log.committed(f"{self.name}.in", PARTITIONS) != self.log.ends(f"{self.name}.in", PARTITIONS):
            return False
        expected = self.kind.expected(self.published)
        return b"announced" not in next(iter(expected.table.values()), ()) or not self._missing_outputs()

    def drain(self) -> None:
        """Waits until everything is done."""
        self.wait_until("drained", self.drained)

    def outputs(self) -> list[Record]:
        """The outputs, as they are on the wire."""
        return self.log.read(f"{self.name}.out", PARTITIONS)

    def parked(self) -> list[Record]:
        """Records of this scenario that were parked."""
        everything = self.log.read(PARKING.name, PARTITIONS)
        return [record for record in everything if dict(record.headers).get("parked.processor") == self.name.encode()]

    def _missing_outputs(self) -> bool:
        found = {record.key for record in self.outputs()}
        return any(id_ not in found for id_ in self.kind.expected(self.published).outputs)

    # --- comparing

    def finish(self) -> None:
        """Drains, stops the workers in order and demands that everything equals the run without faults."""
        self.drain()
        if self.kind.has_table:
            self.wait_until("changelog repaired", lambda: not self._changelog_problems())
        codes = self.workers.stop_all()
        problems = [
            f"{name} ended with {code} when it was asked to stop" for name, code in codes.items() if code not in ENDED
        ]
        problems += self.problems()
        assert not problems, self.report(problems)

    def problems(self) -> list[str]:
        """What differs from the run without faults; call it when the workers have ended."""
        found = self._output_problems() + self._ledger_problems() + self._position_problems()
        if self.kind.has_table:
            found += self._changelog_problems() + self._store_problems()
        return found

    def report(self, problems: Iterable[str]) -> str:
        """A failure, with what is needed to see it again."""
        lines = [*problems][:20]
        return "\n".join(
            [
                f"{self.name}: {len(lines)} problems, EXLIFY_CRASH_SEED={self.seed} replays them", *lines,
                "journal:", *self.journal, f"exits: {self.workers.exits}", self.workers.log_tails(),
            ]
        )  # fmt: skip

    def _output_problems(self) -> list[str]:
        expected = self.kind.expected(self.published).outputs
        seen: dict[bytes, set[bytes]] = {}
        for record in self.outputs():
            seen.setdefault(record.key or b"", set()).add(record.value or b"")
        missing = [f"lost: output {id_!r}" for id_ in expected if id_ not in seen]
        foreign = [f"output {id_!r} answers nothing" for id_ in seen if id_ not in expected]
        wrong = [
            f"output {id_!r} is {seen[id_]}, not {expected[id_]}"
            for id_ in seen
            if seen[id_] - expected.get(id_, set())
        ]
        return missing + foreign + wrong

    def _changelog_problems(self) -> list[str]:
        records = self.log.read(changelog(self.name, TABLE).name, PARTITIONS)
        last = {(r.partition, r.key): r.value for r in records if r.key != FENCE_KEY}
        by_epoch: dict[tuple[int, bytes | None], bytes | None] = {}
        readers = [EpochReader() for _ in range(PARTITIONS)]
        for r in records:
            if readers[r.partition].accept(LogRecord(r.offset, r.key or b"", r.value, decode_epoch(r.headers))):
                by_epoch[r.partition, r.key] = r.value
        return self._row_problems("changelog, last record of each key", _rows(last)) + self._row_problems(
            "changelog, as recovery reads it", _rows(by_epoch)
        )

    def _store_problems(self) -> list[str]:
        newest: dict[str, tuple[Position, dict[bytes, bytes]]] = {}
        for path in self._folder.glob(f"state/*/*/{self.name}/{TABLE}-*"):
            store = Store(path)
            found = store.position or NOWHERE, {key: row.value for key, row in store.rows()}
            store.close()
            newest[path.name] = max(newest.get(path.name, found), found, key=lambda each: each[0])
        return self._row_problems("store", {key: value for _, rows in newest.values() for key, value in rows.items()})

    def _row_problems(self, where: str, rows: Mapping[bytes, bytes]) -> list[str]:
        expected = self.kind.expected(self.published).table
        missing = [f"{where}: row {key!r} is missing" for key in expected if key not in rows]
        foreign = [f"{where}: row {key!r} should not be there" for key in rows if key not in expected]
        wrong = [
            f"{where}: row {key!r} is {rows[key]!r}"
            for key in expected
            if key in rows and self.kind.timeless(rows[key]) not in expected[key]
        ]
        return missing + foreign + wrong

    def _position_problems(self) -> list[str]:
        committed = self.log.committed(f"{self.name}.in", PARTITIONS)
        ends = self.log.ends(f"{self.name}.in", PARTITIONS)
        return [] if committed == ends else [f"committed {committed}, the input ends at {ends}"]

    def _ledger_problems(self) -> list[str]:
        if self._ledger is None:
            return []
        bookings = self._ledger.bookings()
        twice = [f"{id_!r} is booked {count} times" for id_, count in bookings.items() if count > 1]
        answers: dict[bytes, set[bytes | None]] = {}
        for record in self.outputs():
            answers.setdefault(record.key or b"", set()).add(record.value)
        untrue = [
            f"{id_!r} is said to be booked and is not"
            for id_ in answers
            if DONE in answers[id_] and id_ not in bookings
        ]
        doubts = [id_ for id_ in answers if DOUBTFUL in answers[id_]]
        bound = Booker.concurrency * self.workers.launches if self.max_doubts is None else self.max_doubts
        excess = [f"{len(doubts)} outcomes are in doubt, {bound} may be"] if len(doubts) > bound else []
        return twice + untrue + excess


def _rows(encoded: Mapping[tuple[int, bytes | None], bytes | None]) -> dict[bytes, bytes]:
    return {key or b"": decode_row(value).value for (_, key), value in encoded.items() if value is not None}
