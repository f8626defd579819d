"""How every client reaches Kafka: one settings object, two client libraries.

librdkafka (confluent-kafka) publishes, administers and reads logs; aiokafka is what Faust consumes with. Both are
configured here, so that they can never differ.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from streams.ground.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from confluent_kafka import Consumer, Message
    from confluent_kafka.admin import AdminClient

Place = tuple[str, int]  # topic and partition

LOG_CRITICAL = (
    2  # librdkafka reports every failed connection attempt to stderr otherwise; errors reach us by other ways
)


def client_config(settings: Settings, bootstrap: str | None = None) -> dict[str, Any]:
    """Settings of a librdkafka client: where the brokers are, and who we are."""
    config: dict[str, Any] = {
        "bootstrap.servers": bootstrap or settings.bootstrap,
        "security.protocol": settings.security_protocol,
        "log_level": LOG_CRITICAL,
    }
    if settings.security_protocol.startswith("SASL"):
        config |= {
            "sasl.mechanism": settings.sasl_mechanism,
            "sasl.username": settings.sasl_username,
            "sasl.password": settings.sasl_password,
        }
    files = {
        "ssl.ca.location": settings.ssl_ca_file,
        "ssl.certificate.location": settings.ssl_cert_file,
        "ssl.key.location": settings.ssl_key_file,
    }
    return config | {name: value for name, value in files.items() if value}


def next_of(consumer: Consumer, timeout_s: float) -> Message | None:
    """The next message of a client, None where none comes in time. For threads that nobody interrupts: `poll` looks
    five times a second whether somebody does, and with thirty of them that is a fifth of what an idle worker takes.
    """
    found = consumer.consume(1, timeout=timeout_s)
    return found[0] if found else None


def offsets(
    admin: AdminClient, places: Iterable[Place], which: Literal["earliest", "latest"], within_s: float
) -> dict[Place, int]:
    """The offset of the first record that each partition holds, or of the one it gets next; a partition that does not
    answer is not there.
    """
    from confluent_kafka import KafkaException, TopicPartition
    from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]  # it is documented, and not in the stubs

    asked = {TopicPartition(*place): getattr(OffsetSpec, which)() for place in places}
    found = {}
    for place, answer in admin.list_offsets(asked, request_timeout=within_s).items() if asked else ():
        with suppress(KafkaException):
            found[(place.topic, place.partition)] = int(answer.result().offset)
    return found


def ssl_context(settings: Settings) -> ssl.SSLContext | None:
    """The same trust for the asyncio client; None without TLS."""
    if "SSL" not in settings.security_protocol:
        return None
    context = ssl.create_default_context(cafile=settings.ssl_ca_file or None)
    if settings.ssl_cert_file:
        context.load_cert_chain(settings.ssl_cert_file, settings.ssl_key_file or None)
    return context
