"""Station 2, intake: business events become starts of instances."""

from schemas.business import EventTypes
from schemas.messages import GENERIC_EVENT
from streams.ground.settings import Settings
from streams.ground.topic import Keyed, Topic
from streams.processors.orchestrate import INBOX
from streams.runtime.declaration import Declaration

OUTSIDE = "business systems, the gateway"
BY_SUBJECT = "subject, or event id"


def typed_topics() -> tuple[Topic, ...]:
    """The topics of business events: the generic one, and those of types with a schema of their own."""
    declared = sorted(EventTypes.load().topics().items())
    return tuple(
        Topic(name=topic, messages=(name.rpartition(".")[2],), keyed=Keyed.HASH, key=BY_SUBJECT, written_by=OUTSIDE)
        for topic, name in sorted(declared, key=lambda item: item[1] != GENERIC_EVENT)
    )


def topics_of_settings(settings: Settings) -> tuple[Topic, ...]:
    """Further business topics, named by EXLIFY_BUSINESS_TOPICS."""
    known = {topic.name for topic in typed_topics()}
    names = dict.fromkeys(name.strip() for name in settings.business_topics.split(","))
    return tuple(
        Topic(name=name, messages=(), keyed=Keyed.HASH, written_by=OUTSIDE)
        for name in names
        if name and name not in known
    )


DECLARATION = Declaration(
    name="intake",
    summary="Business events become starts of instances.",
    worker="steps",
    make="streams.processors.intake.processor:Intake",
    reads=typed_topics(),
    reads_by_setting=topics_of_settings,
    writes=(INBOX,),
)
