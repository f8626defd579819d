"""Station 2, intake: business events become starts of instances."""

from dataclasses import dataclass
from functools import cache

from prometheus_client import Counter

from schemas.catalogue import current
from schemas.messages import GENERIC_EVENT
from streams.ground.kinds import PATTERNS
from streams.ground.setting import Group, setting
from streams.ground.settings import Settings
from streams.ground.topic import Keyed, Topic
from streams.processors.hold import HELD
from streams.processors.orchestrate import CORRELATION, INBOX
from streams.runtime.declaration import Declaration

OUTSIDE = "business systems, the gateway"
BY_SUBJECT = "subject, or event id"


@dataclass(frozen=True, kw_only=True)
class IntakeSettings(Group):
    """Business events."""

    topics: str = setting(
        "EXLIFY_BUSINESS_TOPICS",
        "",
        "Further business topics for intake beside those of schemas/avro, separated by commas; with * a pattern",
        kind=PATTERNS,
    )
    max_backlog: int = setting(
        "EXLIFY_MAX_BACKLOG",
        1_000_000,
        "Records before intake or the engine from which on new events are refused (503) or wait (`exlify publish`)",
        minimum=1,
    )
    max_begun: int = setting(
        "EXLIFY_MAX_BEGUN",
        10_000,
        "Records before the engine and the steps from which on a worker begins nothing new; events wait in Kafka",
        minimum=1,
    )


@cache
def business_topic(name: str, record: str = "") -> Topic:
    """A topic of business events; `record` is the Avro record that travels on it, if that is known."""
    messages = (record.rpartition(".")[2],) if record else ()
    key = BY_SUBJECT if record else ""
    return Topic(name=name, messages=messages, keyed=Keyed.HASH, key=key, written_by=OUTSIDE)


def typed_topics() -> tuple[Topic, ...]:
    """The topics of business events: the generic one, and those of types with a schema of their own."""
    declared = {name: schema["topic"] for name, schema in current().items() if "topic" in schema}
    return tuple(
        business_topic(topic, name)
        for name, topic in sorted(declared.items(), key=lambda item: (item[0] != GENERIC_EVENT, item[1]))
    )


def named_by_setting(settings: Settings) -> tuple[str, ...]:
    """What EXLIFY_BUSINESS_TOPICS lists: names of topics, and patterns with `*` of topics that may appear later."""
    names = dict.fromkeys(name.strip() for name in settings.of(IntakeSettings).topics.split(","))
    return tuple(name for name in names if name)


def topics_of_settings(settings: Settings) -> tuple[Topic, ...]:
    """Further business topics, named by EXLIFY_BUSINESS_TOPICS."""
    known = {topic.name for topic in typed_topics()}
    names = (name for name in named_by_setting(settings) if "*" not in name and name not in known)
    return tuple(business_topic(name) for name in names)


EVENTS = Counter(
    "exlify_intake_events_total",
    "Business events read, by what became of them: started, deferred (others have a higher priority), held, retired, "
    "gathered (a start needs others, too), offered (to instances that listen), unmatched or parked.",
    ["result"],
)
HELD_BACK = Counter(
    "exlify_intake_held_back_seconds_total",
    "For how long business events have waited for what had been begun to be worked off (EXLIFY_MAX_BEGUN).",
)

DECLARATION = Declaration(
    name="intake",
    summary="Business events become starts of instances.",
    worker="steps",
    make="streams.processors.intake.processor:Intake",
    reads=typed_topics(),
    reads_by_setting=topics_of_settings,
    writes=(INBOX, HELD, CORRELATION),
    settings=(IntakeSettings,),
    metrics=(EVENTS, HELD_BACK),
)
