"""Apache Kafka, one node that is broker and controller (KRaft), on loopback."""

from __future__ import annotations

import base64
import subprocess
import uuid
from pathlib import Path
from typing import Any

from infra.local import artifacts, java, jmx, ports
from infra.local.errors import LocalError
from infra.local.process import Launch
from infra.local.server import Server

HEAP_MIB = (192, 512)
ASK_TIMEOUT_S = 2.0
FORMAT_TIMEOUT_S = 60.0

# What differs from Kafka's defaults, and why. Topics of Exlify carry their own settings (streams/ground/topic.py).
PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    # Topics are made by the catalogue, with their settings, or not at all.
    "auto.create.topics.enable": "false",
    "num.partitions": "4",
    # A definition or a batch of outputs may pass Kafka's default of 1 MiB by its envelope.
    "message.max.bytes": "2097152",
    # One node: nothing to replicate to, and no leader to move.
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "auto.leader.rebalance.enable": "false",
    # A worker joins at once instead of waiting for others, and a dead one may be noticed early.
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # A laptop that stays shut for a month must not lose its positions: they are kept for 90 days.
    "offsets.retention.minutes": "129600",
    # Threads for a small machine; more only compete with the workers.
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
    "num.replica.fetchers": "1",
    "log.cleaner.threads": "1",
    "log.cleaner.dedupe.buffer.size": "8388608",
    # The controller's idle heartbeat into its own log, two a second by default, is most of an idle broker's work.
    "metadata.max.idle.interval.ms": "0",
    # A broker that was killed may come back only when its old session has expired (9 s by default).
    "broker.session.timeout.ms": "5000",
}

LOG4J = """<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="WARN" shutdownHook="disable">
  <Appenders>
    <RollingFile name="file" fileName="{log}" filePattern="{log}.%i">
      <PatternLayout pattern="%d{{ISO8601}} %-5p %c{{1}}: %m%n"/>
      <Policies><SizeBasedTriggeringPolicy size="20 MB"/></Policies>
      <DefaultRolloverStrategy max="2"/>
    </RollingFile>
  </Appenders>
  <Loggers>
    <Root level="INFO"><AppenderRef ref="file"/></Root>
    <!-- These repeat the whole configuration or report each second. -->
    <Logger name="org.apache.kafka.common.config.AbstractConfig" level="WARN"/>
    <Logger name="org.apache.kafka.clients" level="WARN"/>
    <Logger name="org.apache.kafka.common.utils.AppInfoParser" level="WARN"/>
  </Loggers>
</Configuration>
"""


class KafkaServer(Server):
    """A real broker; `start()` gives its bootstrap address, `stop()` and `kill()` leave its data for the next start.

    `overrides` are broker properties for tests, say a cleaner that compacts at once. With the JMX `exporter`, a file,
    it tells its figures, too.
    """

    name = "kafka"

    def __init__(
        self,
        data_dir: Path,
        *args: Any,
        overrides: dict[str, str] | None = None,
        exporter: Path | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_dir, *args, **kwargs)
        self._exporter = exporter
        self._overrides = overrides or {}
        self._ports: dict[str, int] = {}

    @property
    def address(self) -> str:
        """The bootstrap address, host:port."""
        return f"{ports.LOOPBACK}:{self._ports['broker']}"

    @property
    def metrics_url(self) -> str | None:
        """Only with the exporter."""
        return f"http://{ports.LOOPBACK}:{self._ports['metrics']}/metrics" if self._exporter else None

    def answers(self) -> bool:
        """Whether the broker lists its topics: an open port alone says little."""
        return not ports.is_free(self._ports["broker"]) and lists_topics(self.address)

    def _prepare(self) -> Launch:
        jars = artifacts.fetch(["kafka"], self.cache_dir, self._progress, self._mirror)
        names = ["broker", "controller", *(["metrics"] if self._exporter else [])]
        self._ports = ports.remembered(self.home / "ports.json", names)
        classpath = ":".join(str(jar) for jar in jars)
        log4j = self.home / "log4j2.xml"
        log4j.write_text(LOG4J.format(log=self.log))
        properties = self._write_properties()
        self._format_once(classpath, properties)
        flags = [*self._class_flags(["-cp", classpath], jars), "-cp", classpath, f"-Dlog4j2.configurationFile={log4j}"]
        if self._exporter:
            flags.append(jmx.agent(self._exporter, self.home, self._ports["metrics"]))
        argv = java.command(HEAP_MIB, flags, ["kafka.Kafka", str(properties)])
        return Launch(argv, self.log.with_suffix(".out"), java.CLEAN_ENVIRONMENT)

    def _write_properties(self) -> Path:
        controller = f"{ports.LOOPBACK}:{self._ports['controller']}"
        values = {
            **PROPERTIES,
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.address}",
            "controller.quorum.voters": f"1@{controller}",
            "log.dirs": str(self.home / "data"),
            **self._overrides,
        }
        file = self.home / "server.properties"
        file.write_text("".join(f"{key}={value}\n" for key, value in values.items()))
        return file

    def _format_once(self, classpath: str, properties: Path) -> None:
        """Gives a new data folder its cluster id and feature levels."""
        if (self.home / "data" / "meta.properties").exists():
            return
        argv = java.command(
            (32, 128),
            ["-cp", classpath, "-XX:TieredStopAtLevel=1"],
            ["kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", _cluster_id(), "-c", str(properties)],
        )
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=FORMAT_TIMEOUT_S, env=java.environment(), check=False
        )
        if done.returncode != 0:
            reason = (done.stderr or done.stdout).strip().splitlines()
            raise LocalError(
                f"{self.home}: Kafka cannot format its folder ({reason[-1] if reason else done.returncode})."
                " `exlify up --fresh` begins with an empty one."
            )


def lists_topics(bootstrap: str) -> bool:
    """Whether a broker at `bootstrap` answers with its topics within two seconds."""
    # Imported here: whoever only uses the other server does not load librdkafka.
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    try:
        return bool(
            AdminClient({"bootstrap.servers": bootstrap, "log_level": 0}).list_topics(timeout=ASK_TIMEOUT_S).brokers
        )
    except KafkaException:
        return False


def _cluster_id() -> str:
    """Sixteen random bytes in url-safe base64 without padding; Kafka's tools refuse one that begins with a dash."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        continue
    return text
