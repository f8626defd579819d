"""Broker and registry in containers, through testcontainers.

The images are those of the projects unless a variable names another, say one that was built on a machine without access
to a registry of images. A substitute takes the same configuration: KAFKA_* variables, or APICURIO_* and QUARKUS_*.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from infra.local import ports
from infra.local.kafka import PROPERTIES, lists_topics
from infra.local.registry import lists_subjects
from tests.support.waiting import PATIENCE_S

KAFKA_IMAGE = os.environ.get("EXLIFY_TEST_KAFKA_IMAGE", "apache/kafka:4.3.1")
REGISTRY_IMAGE = os.environ.get("EXLIFY_TEST_REGISTRY_IMAGE", "quay.io/apicurio/apicurio-registry:3.3.3")


@contextmanager
def kafka() -> Iterator[str]:
    """A broker; its port is known before it starts, because it advertises it."""
    (port,) = ports.new(1)
    bootstrap = f"{ports.LOOPBACK}:{port}"
    properties = PROPERTIES | {
        "listeners": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "advertised.listeners": f"PLAINTEXT://{bootstrap}",
        "controller.quorum.voters": "1@localhost:9093",
    }
    environment = {f"KAFKA_{key.upper().replace('.', '_')}": value for key, value in properties.items()}
    with _running(KAFKA_IMAGE, environment, {9092: port}):
        _wait(lambda: lists_topics(bootstrap), KAFKA_IMAGE)
        yield bootstrap


@contextmanager
def registry() -> Iterator[str]:
    """A schema registry that keeps its schemas in memory."""
    (port,) = ports.new(1)
    url = f"http://{ports.LOOPBACK}:{port}/apis/ccompat/v7"
    with _running(REGISTRY_IMAGE, {"QUARKUS_HTTP_PORT": "8080"}, {8080: port}):
        _wait(lambda: lists_subjects(url), REGISTRY_IMAGE)
        yield url


@contextmanager
def _running(image: str, environment: dict[str, str], published: dict[int, int]) -> Iterator[None]:
    # The reaper is an image of its own; the context below removes the container instead.
    os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
    _require_daemon()
    from testcontainers.core.container import DockerContainer

    box = DockerContainer(image)
    for key, value in environment.items():
        box = box.with_env(key, value)
    for inside, outside in published.items():
        box = box.with_bind_ports(inside, outside)
    with box:
        yield


def _require_daemon() -> None:
    docker = pytest.importorskip("docker", reason="testcontainers is not installed")
    try:
        docker.from_env().ping()
    except docker.errors.DockerException as error:
        pytest.skip(f"no container daemon answers: {error}")


def _wait(answers: Callable[[], bool], image: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not answers():
        if time.monotonic() > deadline:
            pytest.fail(f"{image}: no answer in {PATIENCE_S:.0f} s")
        time.sleep(0.1)
