"""Every real processor, with a record that kills it: two deaths, a trial, parked; the records around it are handled."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
from confluent_kafka import Producer

from schemas.business import EventTypes
from schemas.catalogue import current
from schemas.messages import DEAD_LETTER, HISTORY_ENTRY, INCIDENT, INSTANCE_OUTCOME
from schemas.samples import sample
from streams import catalogue
from streams.ground.provision import provision
from streams.processors.orchestrate import HISTORY, INCIDENTS
from streams.processors.schedule import ENDED
from streams.runtime.parking import PARKING
from tests.crash.doomed import COMMAND, deadly
from tests.crash.logs import Log, header
from tests.crash.workers import Workers
from tests.support import brokers
from tests.support.unusable import CODEC, EVENT, asked, event, message, started

pytestmark = pytest.mark.crash

INNOCENT = b"0f" * 16
PATIENCE_S = 90.0  # a bound on hanging
TASK = orjson.dumps({"team": "a", "title": "A", "outcomes": ["ok"]})
READS = {
    "intake": EventTypes.load().of("echo.v1").topic,
    "human": catalogue.PROCESSORS["human"].commands.name,
    "letters": INCIDENTS.name,
    "lifecycle": HISTORY.name,
    "rolling": catalogue.PROCESSORS["rolling"].commands.name,
    "schedule": ENDED.name,  # definitions are followed by everybody
}  # the others read commands, or what they declare first


def reads(name: str) -> str:
    """The topic that the record comes by."""
    declared = catalogue.PROCESSORS[name]
    return READS.get(name) or (declared.reads[0] if declared.reads else declared.commands).name


def value(name: str, key: bytes) -> bytes:
    """A record that the processor can read."""
    instance = key.decode()
    kinds: dict[str, Callable[[], bytes]] = {
        "plain": lambda: b"{}",
        "intake": lambda: event(b"{}"),
        "orchestrate": lambda: started(instance_id=instance),
        "human": lambda: asked(TASK, instance_id=instance),
        "letters": lambda: message(INCIDENT, instance_id=instance),
        "lifecycle": lambda: message(HISTORY_ENTRY, instance_id=instance),
        "recover": lambda: message(DEAD_LETTER, instance_id=instance, recovery=b""),
        "rolling": lambda: asked(b"{}", instance_id=instance, function="track"),
        "schedule": lambda: message(INSTANCE_OUTCOME, instance_id=instance),
    }
    if name in kinds:
        return kinds[name]()
    if not catalogue.PROCESSORS[name].reads:
        return asked(b"{}", instance_id=instance, function=name)
    kind = f"exlify.{catalogue.PROCESSORS[name].reads[0].messages[0]}"
    fields = sample(current()[kind])
    return CODEC.encode(kind, {**fields, **({"instance_id": instance} if "instance_id" in fields else {})})


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One of this module's own: its topics have one partition."""
    with brokers.chosen(tmp_path_factory.mktemp("broker")).kafka() as bootstrap:
        yield bootstrap


@pytest.mark.parametrize("name", catalogue.PROCESSORS)
def test_record_that_kills_a_processor_is_parked_after_a_trial(name: str, broker: str, tmp_path: Path) -> None:
    environ = {
        "EXLIFY_BOOTSTRAP": broker, "EXLIFY_REGISTRY_URL": "none", "EXLIFY_PARTITIONS": "1",
        "EXLIFY_LIFECYCLE_EVENTS": "tasks",
        "EXLIFY_DATA_DIR": str(tmp_path), "EXLIFY_SITE_DIR": str(tmp_path), "EXLIFY_SESSION_TIMEOUT_MS": "2000",
    }  # fmt: skip
    settings = catalogue.load_settings(environ)
    asyncio.run(provision(settings, catalogue.topics(settings)))
    topic, key_of_death = reads(name), deadly(name)
    producer = Producer({"bootstrap.servers": broker, "log_level": 0})
    for key in (INNOCENT, key_of_death, INNOCENT):
        producer.produce(topic, value(name, key), key, 0, headers=list(EVENT))
    producer.flush(30)
    log = Log(broker, f"{settings.group_prefix}-{name}")
    workers = Workers(lambda each: (*COMMAND[1:], each), environ, tmp_path)
    workers.start(name)
    try:
        until = time.monotonic() + PATIENCE_S
        while log.committed(topic, 1) != log.ends(topic, 1):
            assert time.monotonic() < until, workers.log_tails()
            workers.tend()
            time.sleep(0.1)
    finally:
        workers.kill_all()
    assert workers.exits == [(name, -signal.SIGKILL)] * 2
    parked = [each for each in log.read(PARKING.name, 1) if header(each, "parked.topic") == topic.encode()]
    (ours,) = [each for each in parked if each.key == key_of_death]
    assert ours.value == value(name, key_of_death)
    assert b"tried" in header(ours, "parked.reason")
    judged = [line for line in workers.log(name).read_text().splitlines() if "record judged" in line]
    assert len(judged) == 1 and "guilty" in judged[0]
