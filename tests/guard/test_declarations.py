"""What is declared is in its list, is light, and is all there is: forgetting is red, not silent."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from prometheus_client import REGISTRY

import connectors
import streams
import streams.processors
from connectors.assembly import made
from connectors.catalogue import CONNECTORS
from connectors.declaration import Declaration as ConnectorDeclaration
from connectors.hub.connections import Connections
from connectors.hub.operations import bound
from connectors.hub.policy import Policy
from streams import catalogue
from streams.ground.settings import Settings
from streams.processors import ALL
from streams.runtime.declaration import Declaration, loaded
from streams.runtime.processor import Processor

HEAVY = (
    "aiohttp", "aiokafka", "confluent_kafka", "faust", "jsonschema", "lxml", "numpy", "onnxruntime", "rocksdict",
    "sqlalchemy",
)  # fmt: skip
every_processor = pytest.mark.parametrize("declaration", ALL, ids=lambda each: each.name)


def _declared_below(package: Any, kind: type) -> Iterator[Any]:
    """The DECLARATION of every package directly below one."""
    for found in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        declared = getattr(importlib.import_module(found.name), "DECLARATION", None)
        if isinstance(declared, kind):
            yield declared


def test_every_declared_processor_is_in_the_list() -> None:
    assert set(map(id, _declared_below(streams.processors, Declaration))) == set(map(id, ALL))


def test_every_declared_connector_is_in_the_list() -> None:
    assert set(map(id, _declared_below(connectors, ConnectorDeclaration))) == set(map(id, CONNECTORS))


def test_names_of_processors_and_their_topics_are_unique() -> None:
    owned = [topic.name for each in ALL for topic in ([each.commands, each.changelog] if each.changelog else [])]
    assert len({each.name for each in ALL}) == len(ALL)
    assert len(set(owned)) == len(owned)


@every_processor
def test_topic_that_is_read_is_written_by_somebody(declaration: Declaration) -> None:
    assert [each.name for each in declaration.inputs(Settings()) if not catalogue.writers(each)] == []


@every_processor
def test_topic_that_is_written_keeps_declared_messages(declaration: Declaration) -> None:
    known = {topic.name: topic for topic in catalogue.topics(Settings())}
    assert [topic.name for topic in declaration.writes if known[topic.name].messages != topic.messages] == []


@every_processor
def test_paths_of_a_declaration_lead_to_its_code(declaration: Declaration) -> None:
    for path in filter(None, (declaration.make, declaration.local)):
        kind = loaded(path)
        assert issubclass(kind, Processor)
        assert kind.declaration is declaration
    assert declaration.rows is None or loaded(declaration.rows)


@every_processor
def test_processor_has_exactly_one_worker(declaration: Declaration) -> None:
    assert [name for name, hosted in catalogue.workers().items() if declaration.name in hosted] == [declaration.worker]


@pytest.mark.parametrize("module", ["streams.catalogue", "streams.processors", "connectors.catalogue"])
def test_declarations_load_no_client(module: str) -> None:
    assert _loaded(HEAVY, module) == []


@pytest.mark.parametrize("processor", ["orchestrate", "view"])
def test_workers_that_only_know_of_models_load_nothing_to_compute_with(processor: str) -> None:
    known = "streams.processors.decide.states", "streams.processors.decide.pins"
    assert _loaded(("numpy", "onnxruntime", "cryptography"), _code(processor), *known) == []


def test_worker_for_steps_loads_what_is_large_when_it_is_called() -> None:
    makes_hub = "connectors.assembly; connectors.assembly.standard_hub({})"
    assert _loaded(("sqlalchemy", "asyncssh", "cryptography"), _code("call"), makes_hub) == []


def test_worker_without_a_table_loads_no_store() -> None:
    hosted = catalogue.workers()["view"]
    assert not any(catalogue.PROCESSORS[each].table for each in hosted)
    assert _loaded(("rocksdict",), "streams.runtime.worker", *map(_code, hosted)) == []


def _code(processor: str) -> str:
    return catalogue.PROCESSORS[processor].make.partition(":")[0]


def _loaded(libraries: Iterable[str], *modules: str) -> list[str]:
    """Which of the libraries a process has that imports these modules."""
    found = f"[name for name in {tuple(libraries)!r} if name in sys.modules]"
    program = f"import sys, {', '.join(modules)}; print(*{found})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.split()


def test_connectors_have_what_they_declare() -> None:
    for each in CONNECTORS:
        assert bound(each, made(each, Connections({}), Policy())).keys() == {its.name for its in each.operations}


def test_every_metric_is_in_the_catalogue() -> None:
    for found in pkgutil.walk_packages(streams.__path__, "streams."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    registered = {name for name in REGISTRY._names_to_collectors if name.startswith("exlify_")}
    listed = {name for metric in catalogue.METRICS for name in REGISTRY._collector_to_names[metric]}
    assert registered == listed
