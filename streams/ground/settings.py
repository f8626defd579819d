"""Every setting, once: name, unit, default, environment variable, meaning.

Values come from the environment; what is not set falls back to the `endpoints.json` that `exlify up` writes into the
data folder (addresses only), then to the default. `load()` is the one place that reads either.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

from streams.ground.errors import ConfigurationError

ENDPOINTS_FILE = "endpoints.json"
DATA_DIR = Path(".exlify")
CONNECTION_PREFIX = "EXLIFY_CONNECTION_"


def _setting(env: str, default: Any, prose: str, *, secret: bool = False) -> Any:
    return field(default=default, metadata={"env": env, "help": prose, "secret": secret}, repr=not secret)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of all processes; immutable."""

    data_dir: Path = _setting(  # noqa: RUF009  # a field, made by a function of our own
        "EXLIFY_DATA_DIR", DATA_DIR, "Folder of everything that a local Exlify keeps"
    )
    site_dir: Path = _setting(  # noqa: RUF009  # as above
        "EXLIFY_SITE_DIR", Path(), "Folder of your own files: connections.yaml, hooks.yaml"
    )
    bootstrap: str = _setting("EXLIFY_BOOTSTRAP", "", "Kafka bootstrap servers, host:port separated by commas")
    registry_url: str = _setting(
        "EXLIFY_REGISTRY_URL", "", "Schema registry (Confluent REST API); `none`: the committed id map instead"
    )
    registry_user: str = _setting("EXLIFY_REGISTRY_USER", "", "User for the registry's basic authentication")
    registry_password: str = _setting("EXLIFY_REGISTRY_PASSWORD", "", "Password for the same", secret=True)
    security_protocol: str = _setting(
        "EXLIFY_KAFKA_SECURITY", "PLAINTEXT", "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"
    )
    sasl_mechanism: str = _setting("EXLIFY_KAFKA_SASL_MECHANISM", "PLAIN", "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
    sasl_username: str = _setting("EXLIFY_KAFKA_USERNAME", "", "SASL user")
    sasl_password: str = _setting("EXLIFY_KAFKA_PASSWORD", "", "SASL password", secret=True)
    ssl_ca_file: str = _setting(
        "EXLIFY_KAFKA_CA_FILE", "", "CA certificates (PEM) that the brokers' are checked against"
    )
    ssl_cert_file: str = _setting("EXLIFY_KAFKA_CERT_FILE", "", "Client certificate (PEM) for mutual TLS")
    ssl_key_file: str = _setting("EXLIFY_KAFKA_KEY_FILE", "", "Key of the client certificate (PEM)")
    group_prefix: str = _setting("EXLIFY_GROUP_PREFIX", "exlify", "Consumer groups are named <prefix>-<processor>")
    partitions: int = _setting("EXLIFY_PARTITIONS", 4, "Partitions of all flow topics; fixed once they exist")
    replication: int = _setting(
        "EXLIFY_REPLICATION", 1, "Replication factor of topics that Exlify makes (3 in production)"
    )
    min_insync: int = _setting("EXLIFY_MIN_INSYNC", 1, "min.insync.replicas of the same (2 in production)")
    business_topics: str = _setting(
        "EXLIFY_BUSINESS_TOPICS",
        "",
        "Further business topics for intake beside those of schemas/avro, separated by commas; with * a pattern",
    )
    session_timeout_ms: int = _setting(
        "EXLIFY_SESSION_TIMEOUT_MS", 10_000, "A worker that is silent for longer loses its partitions"
    )
    commit_interval_ms: int = _setting("EXLIFY_COMMIT_INTERVAL_MS", 500, "How often positions are committed")
    max_batch_records: int = _setting(
        "EXLIFY_MAX_BATCH_RECORDS", 500, "Records of one partition handled in one write order"
    )
    max_buffered_records: int = _setting(
        "EXLIFY_MAX_BUFFERED_RECORDS", 8_000, "Records of one partition held in memory before its fetching pauses"
    )
    max_buffered_bytes: int = _setting(
        "EXLIFY_MAX_BUFFERED_BYTES", 16_777_216, "The same in bytes; what is reached first counts"
    )
    call_concurrency: int = _setting("EXLIFY_CALL_CONCURRENCY", 64, "Outside calls under way at once in one worker")
    call_allow_hosts: str = _setting(
        "EXLIFY_CALL_ALLOW_HOSTS", "", "Hosts that calls may go to, patterns separated by commas; empty: any"
    )
    call_allow_private: int = _setting(
        "EXLIFY_CALL_ALLOW_PRIVATE", 1, "1: calls may go to loopback and private networks, 0: not"
    )
    connections: Mapping[str, str] = field(
        default_factory=dict,
        metadata={
            "env": "EXLIFY_CONNECTION_<NAME>",
            "help": "Address of an outside system, by the name that definitions use; default: the local sandbox's",
            "secret": True,
        },
        repr=False,
    )
    stall_timeout_ms: int = _setting(
        "EXLIFY_STALL_TIMEOUT_MS",
        60_000,
        "A worker whose loop or partition has not moved for this long is ended by its watchdog",
    )
    deduplication_window_ms: int = _setting(
        "EXLIFY_DEDUPLICATION_WINDOW_MS",
        7 * 86_400_000,
        "How long an ended instance is remembered, so that its event starts no other",
    )
    view_url: str = _setting(
        "EXLIFY_VIEW_URL", "", "SQLAlchemy URL of the read model; default: SQLite in the data folder", secret=True
    )
    host: str = _setting("EXLIFY_HOST", "127.0.0.1", "Address that HTTP servers listen on")
    gateway_port: int = _setting("EXLIFY_GATEWAY_PORT", 8460, "Port of the gateway; 0 picks a free one")
    gateway_url: str = _setting("EXLIFY_GATEWAY_URL", "", "Where the command line finds the gateway")
    api_token: str = _setting("EXLIFY_API_TOKEN", "", "Bearer token that the gateway demands, if set", secret=True)
    max_body_bytes: int = _setting("EXLIFY_MAX_BODY_BYTES", 1_048_576, "Largest HTTP body that the gateway reads")
    publish_timeout_ms: int = _setting(
        "EXLIFY_PUBLISH_TIMEOUT_MS", 10_000, "How long a publisher waits for Kafka before it says so"
    )
    log_format: str = _setting("EXLIFY_LOG_FORMAT", "text", "text or json")
    log_level: str = _setting("EXLIFY_LOG_LEVEL", "info", "debug, info, warning or error")
    crash_at: str = _setting(
        "EXLIFY_CRASH_AT", "", "For crash tests: PROCESSOR:POINT:N[:kill|stop], see streams/runtime/crash.py"
    )

    @property
    def read_model_url(self) -> str:
        """SQLAlchemy URL of the read model."""
        return self.view_url or f"sqlite:///{(self.data_dir / 'view.sqlite').absolute()}"

    @property
    def has_registry(self) -> bool:
        """Whether schemas are registered, or numbered by the committed id map."""
        return self.registry_url not in ("", "none")


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the environment, addresses also from the data folder.

    Raises ConfigurationError naming the variable whose value does not fit.
    """
    values = {f.name: _convert(f, environ[f.metadata["env"]]) for f in fields(Settings) if f.metadata["env"] in environ}
    endpoints = read_endpoints(values.get("data_dir", DATA_DIR))
    for name, key in (("bootstrap", "kafka"), ("registry_url", "registry"), ("gateway_url", "gateway")):
        if name not in values and key in endpoints:
            values[name] = endpoints[key]
    values["connections"] = _connections(environ, endpoints.get("sandbox", {}))
    return Settings(**values)


def read_endpoints(data_dir: Path) -> dict[str, Any]:
    """What `exlify up` wrote about where everything is; empty where nothing runs."""
    try:
        found = json.loads((data_dir / ENDPOINTS_FILE).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except ValueError:
        raise ConfigurationError(
            f"{data_dir / ENDPOINTS_FILE}: not JSON. Remove it and start `exlify up` again."
        ) from None
    return found if isinstance(found, dict) else {}


def _connections(environ: Mapping[str, str], sandbox: Mapping[str, str]) -> dict[str, str]:
    """Those of the environment over those of the sandbox; names in lower case with hyphens."""
    named = [(env, url) for env, url in environ.items() if env.startswith(CONNECTION_PREFIX) and url]
    both = [*sandbox.items(), *((env.removeprefix(CONNECTION_PREFIX), url) for env, url in named)]
    return {name.lower().replace("_", "-"): url for name, url in both}


def _convert(spec: Any, text: str) -> Any:
    assert spec.default is not MISSING
    if not isinstance(spec.default, int):
        return type(spec.default)(text)
    try:
        return int(text)
    except ValueError:
        raise ConfigurationError(
            f"{spec.metadata['env']}: {text!r} is not a whole number. Default: {spec.default}."
        ) from None
