"""A read model made anew from the topics: how long it takes, killed on its way or not, and what lists of it cost.

SQLite, and PostgreSQL where its programs are installed.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from sqlalchemy import ColumnElement, Dialect, Engine, func, select

from infra.local.kafka import KafkaServer
from streams import catalogue
from streams.console.reach import ends
from streams.ground.provision import provision
from streams.ground.settings import Settings
from streams.processors import ALL
from streams.processors.human.rows import TASKS
from streams.processors.orchestrate.rows import INSTANCES
from streams.processors.view import DECLARATION, search
from streams.processors.view.reader import Reader
from streams.readmodel import filling
from streams.readmodel.database import open_database
from streams.readmodel.projection import projections
from streams.readmodel.settings import ViewSettings
from tests.bench.stack import start_worker, wait_until_ready
from tests.support import postgresql, told
from tests.support.servers import made

COUNT = 100_000
KILLED_AT = 0.5  # of the records
LOOK_S = 0.1
PATIENCE_S = 900.0
ASKED = 7  # times for each list
Ask = Callable[[Reader, Dialect], object]


def measure(count: int = COUNT) -> dict[str, float]:
    """Seconds for all rows of so many instances, also with the view killed in the middle; milliseconds of lists."""
    figures: dict[str, float] = {"rebuild.instances": float(count)}
    with _broker() as settings, ExitStack() as servers:
        figures["rebuild.records"] = float(told.publish(settings, count))
        urls = {"sqlite": ""}
        if programs := postgresql.installed():
            server = postgresql.PrivateServer(programs)
            servers.callback(server.remove)
            urls["postgresql"] = server.url
        for kind, url in urls.items():
            print(f"  {kind} ...", file=sys.stderr, flush=True)
            ours = settings.with_(ViewSettings(url=url))
            engine = open_database(ours, projections(ALL))
            figures[f"rebuild.{kind}.s"] = _filled(ours, engine, None)
            with engine.begin() as connection:
                filling.again(connection)
            figures[f"rebuild.{kind}.killed_s"] = _filled(ours, engine, KILLED_AT)
            _verify(engine, count)
            figures |= _lists(kind, engine, count)
            engine.dispose()
    return figures


@contextmanager
def _broker() -> Iterator[Settings]:
    with tempfile.TemporaryDirectory(prefix="exlify-bench-") as folder:
        kafka = made(KafkaServer, Path(folder))
        settings = Settings(bootstrap=kafka.start(), registry_url="none", data_dir=Path(folder))
        try:
            asyncio.run(provision(settings, catalogue.topics(settings)))
            yield settings
        finally:
            kafka.stop()


def _filled(settings: Settings, engine: Engine, killed_at: float | None) -> float:
    """Seconds until a view has made all rows; its process is killed on its way, and started again, where asked for."""
    first, last = ends(settings, [topic.name for topic in DECLARATION.reads])
    total = sum(last.values()) - sum(first.values())
    began = time.monotonic()
    child = _view(settings)
    try:
        while (done := _done(engine)) < total:
            if time.monotonic() - began > PATIENCE_S:
                raise TimeoutError(f"{done} of {total} records in {PATIENCE_S:.0f} s")
            if killed_at is not None and done > killed_at * total:
                child.kill()
                child.wait()
                child, killed_at = _view(settings), None
            time.sleep(LOOK_S)
        return round(time.monotonic() - began, 1)
    finally:
        child.terminate()
        child.wait()


def _view(settings: Settings) -> subprocess.Popen[str]:
    child = start_worker(settings, "view", ("view",), {"EXLIFY_VIEW_URL": settings.of(ViewSettings).url})
    wait_until_ready(child)
    return child


def _done(engine: Engine) -> int:
    return sum(filling.positions(engine, filling.current(engine) or "").values())


def _verify(engine: Engine, count: int) -> None:
    with engine.connect() as connection:
        instances = connection.execute(select(func.count()).select_from(INSTANCES)).scalar_one()
        tasks = connection.execute(select(func.count()).select_from(TASKS).where(TASKS.c.status == "open")).scalar_one()
    if (instances, tasks) != (count, count // 10):
        raise AssertionError(f"{instances} instances and {tasks} open tasks of {count} and {count // 10}")


def _lists(kind: str, engine: Engine, count: int) -> dict[str, float]:
    """The median of each list that `exlify list` asks for: what is found often, seldom, and never."""
    reader = Reader(engine)
    return {f"list.{kind}.{name}_ms": _ms(lambda: ask(reader, engine.dialect)) for name, ask in _asks(count).items()}  # noqa: B023


def _ms(ask: Callable[[], object]) -> float:
    taken = []
    for _ in range(ASKED):
        began = time.perf_counter()
        ask()
        taken.append((time.perf_counter() - began) * 1_000)
    return round(median(taken), 1)


def _asks(count: int) -> Mapping[str, Ask]:
    middle = count // 2 + 1
    at = told.START_MS + 10 * middle

    def columns(**filters: str) -> Ask:
        return lambda reader, _: reader.instances(filters)

    def also(make: Callable[[Dialect], ColumnElement[bool]], **filters: str) -> Ask:
        return lambda reader, dialect: reader.instances(filters, also=[make(dialect)])

    fields = [(f"flow-{number}", "customer.id") for number in range(5)]
    return {
        "all": columns(),
        "workflow": columns(workflow="flow-1"),
        "workflow_none": columns(workflow="flow-9"),
        "status": columns(status="faulted"),
        "status_none": columns(status="cancelled"),
        "workflow_status": columns(workflow="flow-1", status="faulted"),
        "workflow_status_none": columns(workflow="flow-2", status="faulted"),
        "key": columns(business_key=f"A-{middle}"),
        "version": columns(version="1.1.0"),
        "version_none": columns(version="9.9.9"),
        "since": lambda reader, _: reader.instances({}, since_ms=at),
        "until": lambda reader, _: reader.instances({}, until_ms=at),
        "id": lambda reader, _: reader.instances({}, id_begins=told.id_of(middle)[:8]),
        "reason": also(lambda dialect: search.by_reason(dialect, "UNREACHED")),
        "reason_none": also(lambda dialect: search.by_reason(dialect, "RATE_LIMITED")),
        "step": also(lambda dialect: search.by_step(dialect, "review")),
        "step_none": also(lambda dialect: search.by_step(dialect, "elsewhere")),
        "data": also(lambda dialect: search.by_input(dialect, "customer.city", "City 7")),
        "data_one": also(lambda dialect: search.by_input(dialect, "customer.id", f"C-{middle}")),
        "data_none": also(lambda dialect: search.by_input(dialect, "customer.id", "C-none")),
        "find_key": also(lambda dialect: search.by_fields(dialect, fields, f"A-{middle}")),
        "find_field": also(lambda dialect: search.by_fields(dialect, fields, f"C-{middle}")),
        "find_none": also(lambda dialect: search.by_fields(dialect, fields, "C-none")),
        "tasks_open": lambda reader, _: reader.tasks({"status": "open"}),
        "tasks_team": lambda reader, _: reader.tasks({"status": "open", "team": "team-1"}),
        "tasks_team_none": lambda reader, _: reader.tasks({"status": "open", "team": "team-9"}),
        "incidents_reason": lambda reader, _: reader.incidents({"status": "open", "reason": "UNREACHED"}),
        "decisions_model": lambda reader, _: reader.all_decisions({"model": "none"}),
    }
