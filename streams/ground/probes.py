"""Whether what a process needs answers now: asked when somebody asks whether the process is ready, and not else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType  # type: ignore[attr-defined]

from streams.ground.causes import Cause
from streams.ground.kafka import client_config
from streams.ground.settings import Settings

if TYPE_CHECKING:
    from streams.ground.site import Site

ASK_S = 3.0
FRESH_S = 2.0  # an answer that is no older is given again, however many ask
RECONNECT_MS = 1_000  # a broker that is back is seen soon
SHOWN = 3  # topics in one line


class Probe:
    """A question that blocks, asked on a thread, by one at a time, and given up after a while."""

    def __init__(self, part: str, ask: Callable[[], Sequence[str]]) -> None:
        self._part = part
        self._ask = ask  # gives what is wrong
        self._asked: asyncio.Task[list[Cause]] | None = None
        self._answered_at = -FRESH_S
        self._answer: list[Cause] = []

    async def causes(self) -> list[Cause]:
        """What keeps others from working with it: an answer that is fresh, or the next one."""
        if time.monotonic() - self._answered_at < FRESH_S:
            return self._answer
        if self._asked is None or self._asked.done():
            self._asked = asyncio.create_task(self._causes())
        try:
            async with asyncio.timeout(ASK_S + 1):
                return await asyncio.shield(self._asked)
        except TimeoutError:
            return [Cause(self._part, "does not answer")]

    async def _causes(self) -> list[Cause]:
        self._answer = [Cause(self._part, reason) for reason in await asyncio.to_thread(self._ask)]
        self._answered_at = time.monotonic()
        return self._answer


class Causes(Protocol):
    """Who can be asked."""

    async def causes(self) -> list[Cause]:
        """What is the matter with it; empty where nothing is."""
        ...


class SiteProbe:
    """Whether the files of the site folder are in force as they stand. A faulty one costs nothing but its change."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def causes(self) -> list[Cause]:
        """Each faulty file, where and why."""
        return [
            Cause(
                name, f"line {fault.line}: {fault.reason}; what it said before stays in force", degraded=True, mild=True
            )
            for name, fault in self._site.faults.items()
        ]


def probed(*probes: Causes) -> Callable[[], Awaitable[Sequence[Cause]]]:
    """What all of them say together, asked side by side."""

    async def causes() -> Sequence[Cause]:
        return [cause for found in await asyncio.gather(*(each.causes() for each in probes)) for cause in found]

    return causes


def kafka_probe(settings: Settings, written: Iterable[str]) -> Probe:
    """Whether the brokers answer, and whether they would take what is written to these topics."""
    names = sorted(set(written))
    client: list[AdminClient] = []  # made by who asks first: it costs threads

    def ask() -> list[str]:
        if not client:
            client.append(AdminClient(client_config(settings) | {"reconnect.backoff.max.ms": RECONNECT_MS}))
        try:
            found = client[0].list_topics(timeout=ASK_S).topics
            needed = _needed(client[0], [name for name in names if name in found])
        except KafkaException as error:
            return [f"does not answer ({error.args[0].str()})"]
        missing = [name for name in names if name not in found]
        refused = [name for name in names if name in found and _refuses(found[name], needed.get(name, 1))]
        return [*_lines("has no topic", missing), *_lines("has too few replicas in sync to take records for", refused)]

    return Probe("kafka", ask)


def _needed(client: AdminClient, names: Sequence[str]) -> dict[str, int]:
    """How many replicas of each topic have to have a record."""
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    answers = client.describe_configs(resources, request_timeout=ASK_S) if resources else {}
    needed = {}
    for each in resources:
        with suppress(KafkaException):  # who may write to a topic may not always see how it is set
            needed[each.name] = int(answers[each].result()["min.insync.replicas"].value)
    return needed


def _refuses(topic: Any, needed: int) -> bool:
    return any(part.leader < 0 or len(part.isrs) < needed for part in topic.partitions.values())


def _lines(fault: str, names: Sequence[str]) -> list[str]:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return [f"{fault} {', '.join(names[:SHOWN])}{more}"] if names else []
