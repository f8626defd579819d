"""Who hosts the processors: the members of their consumer groups, wherever they run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.ground.errors import UnavailableError

if TYPE_CHECKING:
    from streams.ground.settings import Settings

ASK_S = 4.0


def members(settings: Settings) -> dict[str, int]:
    """How many workers host each processor of the catalogue; raises UnavailableError."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    from streams import catalogue
    from streams.ground.kafka import client_config

    groups = {f"{settings.group_prefix}-{name}": name for name in catalogue.PROCESSORS}
    admin = AdminClient(client_config(settings))  # answers come as long as it is there
    try:
        answers = admin.describe_consumer_groups(list(groups), request_timeout=ASK_S)
        return {groups[group]: len(future.result().members or ()) for group, future in answers.items()}
    except KafkaException as error:
        raise UnavailableError(f"Kafka does not tell who hosts the processors ({error.args[0].str()})") from None
