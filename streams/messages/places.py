"""What takes the messages of a source, by what its connection is: a server of queues, a cluster or a mailbox.

And what reads those that are Avro, by the registry that has their schemas.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from connectors.amqp.address import DEFAULT_PORTS as AMQP
from connectors.amqp.address import server_of
from connectors.amqp.inlet import AmqpInlet
from connectors.hub.connections import folded
from connectors.hub.contract import Refused
from connectors.hub.inlet import Inlet
from connectors.kafka.address import SCHEMES as KAFKA
from connectors.kafka.address import cluster_of
from connectors.kafka.framed import Framed
from connectors.kafka.inlet import KafkaInlet
from connectors.kafka.registries import access_of
from connectors.mail.inlet import PORTS as IMAP
from connectors.mail.inlet import MailInlet, mailbox_of
from schemas.reasons import Reason
from schemas.registry import Registry
from streams.ground.errors import ConfigurationError
from streams.messages.declared import Source
from streams.processors.call.connections import Addresses

_ONLY = {"group": KAFKA, "start": KAFKA, "avro": KAFKA, "done": tuple(IMAP)}


@asynccontextmanager
async def framed_of(source: Source, addresses: Addresses) -> AsyncIterator[Framed | None]:
    """What reads the values of a source that are Avro; None where they are not. Raises ConfigurationError."""
    if source.avro is None:
        yield None
        return
    name = folded(source.avro)
    try:
        access = access_of(name, addresses.urls().get(name, ""))
    except Refused as refused:
        raise ConfigurationError(refused.outcome.detail) from None
    async with Registry(access) as registry:
        yield Framed(registry)


def inlet_of(source: Source, addresses: Addresses) -> Inlet:
    """The inlet of a source, not connected yet; to be closed. Raises ConfigurationError."""
    name = folded(source.connection)

    def url() -> str:
        found = addresses.urls().get(name)
        if found is None:
            raise Refused(Reason.MISCONFIGURED, f"connection {name} has no address; add it to connections.yaml")
        return found

    try:
        scheme = urlsplit(url()).scheme
    except Refused as refused:
        raise ConfigurationError(refused.outcome.detail) from None
    for member, schemes in _ONLY.items():
        if getattr(source, member) is not None and scheme not in schemes:
            raise ConfigurationError(f"{source.name}: `{member}` is of connections with {schemes[-1]}://; leave it out")
    if scheme in AMQP:
        return AmqpInlet(lambda: server_of(name, url(), addresses.identity(name).tls), source.place)
    if scheme in KAFKA:
        group, start = source.group or f"exlify-{source.name}", source.start or "earliest"
        return KafkaInlet(lambda: cluster_of(name, url(), addresses.identity(name).tls), source.place, group, start)
    if scheme in IMAP:
        return MailInlet(lambda: mailbox_of(name, url(), addresses.identity(name).tls), source.place, source.done)
    raise ConfigurationError(f"connection {name} has no messages; write amqps://, kafkas:// or imaps://")
