"""The broker's own figures for Prometheus, by the JMX exporter as a Java agent: only where the broker is watched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from infra.local import ports

# What is told, under names of ours: each is a panel (infra/beneath.py).
TOPICS = "kafka.server:type=BrokerTopicMetrics,name={}PerSec"
REQUESTS = "kafka.network:type=RequestMetrics,name=TotalTimeMs,request={}"
GAUGES = {
    "kafka.server:type=ReplicaManager,name=UnderReplicatedPartitions": "kafka_under_replicated_partitions",
    "kafka.controller:type=KafkaController,name=OfflinePartitionsCount": "kafka_offline_partitions",
}
COUNTERS = {"MessagesIn": "kafka_messages_in", "BytesIn": "kafka_bytes_in", "BytesOut": "kafka_bytes_out"}
ASKED = ("Produce", "FetchConsumer")


def _rule(bean: str, attribute: str, name: str, **more: Any) -> dict[str, Any]:
    domain, _, keys = bean.partition(":")
    return {"pattern": f"{domain}<{keys.replace(',', ', ')}><>{attribute}", "name": name, "type": "GAUGE", **more}


def configuration() -> dict[str, Any]:
    """What the exporter is told to tell."""
    logs = "kafka.log:type=Log,name=Size,topic={},partition={}"
    sizes = {"labels": {"topic": "$1", "partition": "$2"}}
    rules = [
        *(_rule(TOPICS.format(each), "Count", f"{name}_total", type="COUNTER") for each, name in COUNTERS.items()),
        *(_rule(bean, "Value", name) for bean, name in GAUGES.items()),
        *(
            _rule(REQUESTS.format(each), "99thPercentile", "kafka_request_p99_seconds", valueFactor=0.001,
                  labels={"request": each})
            for each in ASKED
        ),
        _rule(logs.format("(.+)", "(.+)"), "Value", "kafka_log_bytes", **sizes),
    ]  # fmt: skip
    beans = [
        *map(TOPICS.format, COUNTERS), *GAUGES, *map(REQUESTS.format, ASKED), logs.format("*", "*"),
    ]  # fmt: skip
    return {"includeObjectNames": beans, "rules": rules}


def agent(jar: Path, home: Path, port: int) -> str:
    """The flag for Java; what is to be told is written into a file of `home`."""
    file = home / "jmx.json"  # JSON is YAML
    file.write_text(json.dumps(configuration(), indent=2) + "\n")
    return f"-javaagent:{jar}={ports.LOOPBACK}:{port}:{file}"
