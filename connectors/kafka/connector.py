"""`call: kafka.publish` and `kafka.topics`: a connection is a cluster.

A call has a client and a thread of its own. Until the message is handed to the client nothing has happened; after that
the effect is `done` where the cluster confirms it, `none` where it refuses it, and otherwise unknown.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from confluent_kafka import KafkaException

from connectors.hub.connections import Connections, folded
from connectors.hub.contract import Asked, Check, Plan, Refused
from connectors.hub.outcome import CallOutcome
from connectors.hub.policy import Policy
from connectors.hub.published import MOST_BYTES
from connectors.kafka import PUBLISH, TOPICS
from connectors.kafka.address import Cluster, cluster_of
from connectors.kafka.message import written
from connectors.kafka.producers import MOST_IDLE, Producers
from connectors.kafka.registries import Registries
from connectors.kafka.work import DoubtError, Publish, Time, Topics, Work
from schemas.functions import EffectClass, Function
from schemas.reasons import Effect, Reason


@dataclass(frozen=True, slots=True)
class Request:
    """What is done at which cluster."""

    cluster: Cluster
    work: Work


class KafkaConnector:
    """The connector for clusters of others."""

    def __init__(self, connections: Connections, policy: Policy) -> None:
        """`policy` has nothing to judge: the site gives all clusters."""
        self.operations: Mapping[Function, Check[Request]] = {PUBLISH: self._publish, TOPICS: self._topics}
        self._connections = connections
        self._producers = Producers()
        self._registries = Registries()
        self._threads = ThreadPoolExecutor(MOST_IDLE, thread_name_prefix="kafka-call")

    async def open(self) -> None:
        """Nothing to make ready; clusters are connected to when they are first used."""

    async def close(self) -> None:
        """Ends all clients, once no call has one."""
        await asyncio.to_thread(self._threads.shutdown)
        await asyncio.to_thread(self._producers.close)
        await self._registries.close()

    async def call(self, plan: Plan[Request], timeout_s: float) -> CallOutcome:
        """Does it once."""
        if timeout_s <= 0:
            return _ended(plan, Reason.TIMED_OUT, "no time is left")
        spare = Time(time.monotonic() + timeout_s)
        try:
            async with asyncio.timeout(timeout_s):
                plan = await self._framed(plan)
        except TimeoutError:
            return _ended(plan, Reason.TIMED_OUT, "the registry of the schemas does not answer in time")
        except Refused as refusal:
            return _ended(plan, refusal.outcome.reason, refusal.outcome.detail)
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, self._done, plan, spare)
        finally:
            spare.stopped.set()

    async def _framed(self, plan: Plan[Request]) -> Plan[Request]:
        """With the bytes of a message that is Avro. Raises Refused."""
        work = plan.request.work
        if not isinstance(work, Publish) or work.message.unframed is None:
            return plan
        value = await self._registries.framed(work.message.unframed)
        if len(value) > MOST_BYTES:
            raise Refused(Reason.INPUT_INVALID, f"the value is longer than {MOST_BYTES:,} bytes; hand over a reference")
        return replace(plan, request=Request(plan.request.cluster, Publish(work.message.with_value(value))))

    def _done(self, plan: Plan[Request], spare: Time) -> CallOutcome:
        try:
            with self._producers.lent(plan.request.cluster) as client:
                output = plan.request.work.done(client, spare)
                client.well = True
        except Refused as refusal:
            return _ended(plan, refusal.outcome.reason, refusal.outcome.detail)
        except DoubtError as doubt:
            return _ended(plan, Reason.OUTCOME_UNKNOWN, str(doubt), Effect.UNKNOWN)
        except KafkaException:  # of a new client, before it has anything; what it says may quote a certificate
            return _ended(plan, Reason.MISCONFIGURED, "its address or certificates are not ones that a client takes")
        effect = plan.effect.when(certain=Effect.DONE)
        return CallOutcome(reason=Reason.OK, effect=effect, output=output, evidence=_evidence(plan))

    def _publish(self, asked: Asked) -> Plan[Request]:
        usual = EffectClass.KEYED if "event" in asked.arguments else EffectClass.BLIND
        return self._plan(asked, Publish(written(asked, self._connections.url)), asked.effect(usual))

    def _topics(self, asked: Asked) -> Plan[Request]:
        return self._plan(asked, Topics(str(asked.arguments.get("match", "*"))), asked.effect())

    def _plan(self, asked: Asked, work: Work, effect: EffectClass) -> Plan[Request]:
        name = folded(str(asked.arguments["connection"]))
        url = self._connections.url(name)
        cluster = cluster_of(name, url, self._connections.identity(name).tls)
        return Plan(
            call=asked.call,
            connection=f"kafka:{name}",
            system=name,
            address=url,
            effect=effect,
            request=Request(cluster, work),
        )


def _ended(plan: Plan[Request], reason: Reason, what: str, effect: Effect = Effect.NONE) -> CallOutcome:
    detail = f"{plan.call.function} on {plan.connection}: {what}"
    return CallOutcome(reason=reason, effect=effect, detail=detail, evidence=_evidence(plan))


def _evidence(plan: Plan[Request]) -> dict[str, str | int]:
    return {"function": plan.call.function, "connection": plan.connection}
