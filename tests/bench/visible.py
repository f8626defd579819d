"""From an event to the row that people see: the read model's delay, alone and behind a burst."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from sqlalchemy import func, select

from streams.ground.settings import Settings
from streams.processors import ALL
from streams.processors.orchestrate.rows import INSTANCES
from streams.processors.view.reader import Reader
from streams.readmodel.database import open_database
from streams.readmodel.projection import projections
from tests.bench.load import Load

COUNT = 200
LOOK_S = 0.002
PATIENCE_S = 60.0


class Visible:
    """Looks into the read model as somebody who waits for a row would."""

    def __init__(self, settings: Settings) -> None:
        self._engine = open_database(settings, projections(ALL))
        self._reader = Reader(self._engine)

    def one_by_one(self, load: Load) -> dict[str, float]:
        """Milliseconds from publish until the instance is shown as completed, one in flight."""
        taken_ms = sorted(self._one_ms(load) for _ in range(COUNT))
        return {"visible.p50_ms": round(median(taken_ms), 1), "visible.p99_ms": round(taken_ms[int(COUNT * 0.99)], 1)}

    def _one_ms(self, load: Load) -> float:
        started = time.perf_counter()
        instance_id = load.publish()
        _until(lambda: (row := self._reader.instance(instance_id)) is not None and row["status"] == "completed")
        return (time.perf_counter() - started) * 1_000

    def behind_ms(self, completed: int) -> float:
        """Milliseconds from now until so many instances are shown as completed."""
        started = time.perf_counter()
        _until(lambda: self.completed() >= completed)
        return round((time.perf_counter() - started) * 1_000, 1)

    def completed(self) -> int:
        """How many instances are shown as completed."""
        query = select(func.count()).select_from(INSTANCES).where(INSTANCES.c.status == "completed")
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one()


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.perf_counter() + PATIENCE_S
    while not condition():
        if time.perf_counter() > deadline:
            raise TimeoutError(f"not visible in {PATIENCE_S:.0f} s")
        time.sleep(LOOK_S)
