"""A topic that is followed on a broker: all that was there is known, and where it ends is asked once for who waits."""

from __future__ import annotations

import asyncio
import threading
import time
from itertools import pairwise
from typing import Any

import pytest
from confluent_kafka import Producer

from schemas.codec import Codec
from schemas.messages import TIMER_FIRED
from streams.ground.provision import provision
from streams.ground.settings import Settings
from streams.ground.topic import Keyed, Topic
from streams.ground.topic_feed import ASK_AGAIN_S, START_TIMEOUT_S, TopicFeed
from tests.support.waiting import PATIENCE_S

pytestmark = pytest.mark.broker
CODEC = Codec.offline()
TOPIC = Topic(name="test.feed.counted.v1", messages=("TimerFired",), keyed=Keyed.NONE, key="none")
MISSING = Topic(name="test.feed.missing.v1", messages=("TimerFired",), keyed=Keyed.NONE, key="none")
COUNT = 3_000
OFTEN = 3


class Counted(TopicFeed):
    """Notes when it is asked where the topic ends."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.asked_at: list[float] = []
        self.asked_often = threading.Event()

    @property
    def asked(self) -> int:
        return len(self.asked_at)

    def _end(self) -> int | None:
        self.asked_at.append(time.monotonic())
        if self.asked == OFTEN:
            self.asked_often.set()
        return super()._end()


async def test_long_topic_is_known_after_one_question_for_each_who_waits(kafka: str) -> None:
    settings = Settings(bootstrap=kafka, registry_url="none")
    await provision(settings, (TOPIC,))
    learnt: list[object] = []
    feed = Counted(settings, CODEC, TOPIC, TIMER_FIRED, learnt.append)
    _write(kafka, COUNT)
    try:
        await feed.start()
        assert (len(learnt), feed.asked) == (COUNT, 1)
        _write(kafka, 5)
        await feed.catch_up()
        assert (len(learnt), feed.asked) == (COUNT + 5, 2)
    finally:
        await feed.close()


async def test_topic_that_is_not_there_is_asked_for_at_leisure_and_known_once_it_is_there(kafka: str) -> None:
    settings = Settings(bootstrap=kafka, registry_url="none")
    feed = Counted(settings, CODEC, MISSING, TIMER_FIRED, [].append)
    starting = asyncio.create_task(feed.start())
    try:
        assert await asyncio.to_thread(feed.asked_often.wait, START_TIMEOUT_S)
        assert all(later - earlier >= ASK_AGAIN_S for earlier, later in pairwise(feed.asked_at))
        await provision(settings, (MISSING,))
        await starting
    finally:
        await feed.close()


def _write(bootstrap: str, count: int) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    for number in range(count):
        producer.produce(TOPIC.name, CODEC.encode(TIMER_FIRED, {"instance_id": "ab" * 16, "due_ms": number}))
    producer.flush(PATIENCE_S)
