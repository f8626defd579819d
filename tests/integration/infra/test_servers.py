"""The real servers: what was written survives, and nothing runs on when its parent is gone."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from infra.local.errors import LocalError
from infra.local.kafka import KafkaServer
from infra.local.registry import RegistryServer
from infra.local.server import Server
from tests.support.servers import made
from tests.support.waiting import PATIENCE_S

pytestmark = pytest.mark.broker

SCHEMA = json.dumps({"schema": json.dumps({"type": "record", "name": "Greeting", "fields": []})}).encode()
CONTENT_TYPE = {"Content-Type": "application/vnd.schemaregistry.v1+json"}

START_AND_WAIT = """
import sys
from pathlib import Path
from infra.local.kafka import KafkaServer
from infra.local.registry import RegistryServer
from tests.support.servers import made
server = made({"kafka": KafkaServer, "registry": RegistryServer}[sys.argv[1]], Path(sys.argv[2]))
server.start()
print(server.pid, flush=True)
sys.stdin.read()
"""


def test_topics_and_address_survive_a_killed_broker(tmp_path: Path) -> None:
    server = made(KafkaServer, tmp_path)
    bootstrap = server.start()
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic("kept", 1)])["kept"].result()
    producer = Producer({"bootstrap.servers": bootstrap})
    producer.produce("kept", b"value")
    assert producer.flush(PATIENCE_S) == 0
    server.kill()
    try:
        assert server.start() == bootstrap
        assert "kept" in admin.list_topics(timeout=PATIENCE_S).topics
    finally:
        server.stop()


def test_broker_refuses_topics_nobody_declared(kafka: str) -> None:
    producer = Producer({"bootstrap.servers": kafka, "message.timeout.ms": 2000})
    failures: list[object] = []
    producer.produce("undeclared", b"value", on_delivery=lambda error, _: failures.append(error))
    producer.flush(PATIENCE_S)
    assert len(failures) == 1 and failures[0] is not None


def test_schemas_survive_a_registry_restart(tmp_path: Path) -> None:
    server = made(RegistryServer, tmp_path)
    url = server.start()
    request = urllib.request.Request(f"{url}/subjects/Greeting/versions", data=SCHEMA, headers=CONTENT_TYPE)
    with urllib.request.urlopen(request) as reply:
        schema_id = json.load(reply)["id"]
    server.stop()
    try:
        with urllib.request.urlopen(f"{server.start()}/schemas/ids/{schema_id}") as reply:
            assert "Greeting" in json.load(reply)["schema"]
    finally:
        server.stop()


@pytest.mark.parametrize("name", ["kafka", "registry"])
def test_servers_end_with_a_killed_parent(name: str, tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", START_AND_WAIT, name, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    watch = os.pidfd_open(pid)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert _ends(watch), f"{name} outlived its parent"


@pytest.mark.parametrize("server_type", [KafkaServer, RegistryServer])
def test_second_server_with_the_same_data_is_refused_before_it_touches_it(
    server_type: type[Server], tmp_path: Path
) -> None:
    running, second = made(server_type, tmp_path), made(server_type, tmp_path)
    address = running.start()
    try:
        with pytest.raises(LocalError, match=rf"a {running.name} runs with this data already\. Stop it"):
            second.start()
        assert running.answers()
    finally:
        running.stop()
    try:
        assert running.start() == address
    finally:
        running.stop()


def _ends(pidfd: int) -> bool:
    ready, _, _ = select.select([pidfd], [], [], PATIENCE_S)
    os.close(pidfd)
    return bool(ready)
