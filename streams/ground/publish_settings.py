"""What can be set about publishing; apart from it, because naming a setting loads no client of Kafka."""

from __future__ import annotations

from dataclasses import dataclass

from streams.ground.setting import Group, setting


@dataclass(frozen=True, kw_only=True)
class PublishSettings(Group):
    """Publishing."""

    timeout_ms: int = setting(
        "EXLIFY_PUBLISH_TIMEOUT_MS", 10_000, "How long a publisher waits for Kafka before it says so", minimum=1
    )
