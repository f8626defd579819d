"""A topic that is followed on a broker: all that was there is known, and where it ends is asked once for who waits."""

from __future__ import annotations

import pytest
from confluent_kafka import Producer

from schemas.codec import Codec
from schemas.messages import TIMER_FIRED
from streams.ground.provision import provision
from streams.ground.settings import Settings
from streams.ground.topic import Keyed, Topic
from streams.ground.topic_feed import TopicFeed

pytestmark = pytest.mark.broker
CODEC = Codec.offline()
TOPIC = Topic(name="test.feed.counted.v1", messages=("TimerFired",), keyed=Keyed.NONE, key="none")
COUNT = 3_000


class Counted(TopicFeed):
    """Counts how often it is asked where the topic ends."""

    asked = 0

    def _end(self) -> int | None:
        self.asked += 1
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


def _write(bootstrap: str, count: int) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    for number in range(count):
        producer.produce(TOPIC.name, CODEC.encode(TIMER_FIRED, {"instance_id": "ab" * 16, "due_ms": number}))
    producer.flush(30)
