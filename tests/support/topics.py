"""Topics of a broker that tests share, made anew."""

from __future__ import annotations

import asyncio

from confluent_kafka.admin import AdminClient

from streams.ground.provision import provision
from streams.ground.settings import Settings
from streams.ground.topic import Topic
from tests.support.waiting import PATIENCE_S, until


async def made_anew(settings: Settings, topic: Topic) -> None:
    """The topic is there, and has nothing of what others have written to it."""
    admin = AdminClient({"bootstrap.servers": settings.bootstrap})
    if topic.name in admin.list_topics(timeout=PATIENCE_S).topics:
        await asyncio.to_thread(admin.delete_topics([topic.name])[topic.name].result)
    await until(lambda: topic.name not in admin.list_topics(timeout=PATIENCE_S).topics)
    await provision(settings, [topic])
    await until(lambda: topic.name in admin.list_topics(timeout=PATIENCE_S).topics)
