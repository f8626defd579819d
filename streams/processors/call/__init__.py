"""Station 4, call: steps that ask an outside system, by the operations that connectors declare."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from prometheus_client import Counter, Gauge, Histogram, Metric

from connectors.catalogue import OPERATIONS
from schemas.functions import Argument, EffectClass, Function, Kind
from streams.ground.metrics import SECONDS as BUCKETS
from streams.ground.setting import Group, setting
from streams.ground.topic import DAY_MS, Keyed, Topic
from streams.processors.call.connections import ConnectionSettings
from streams.processors.orchestrate import INBOX
from streams.runtime.declaration import Declaration

SECONDS = Histogram(
    "exlify_call_seconds",
    "From the moment a call is made to its outcome, waiting for a place included.",
    ["function", "result"],
    buckets=BUCKETS,
)


POSTPONED = Counter(
    "exlify_calls_postponed",
    "Calls put off for a while, as their system is not well (breaker), has its limit (rate), or is busy (place).",
    ["connection", "waits_for"],
)


MAPPING = Function(
    name="mapping",
    summary="Makes one value of another, as a mapping of the site folder says.",
    arguments=(
        Argument(
            name="name",
            summary="Name of the mapping: mappings/NAME.yaml in the site folder.",
            kind=Kind.NAME,
            required=True,
            example="name: order-to-erp",
        ),
        Argument(name="input", summary="What is mapped.", required=True, example="input: '${ . }'"),
    ),
    output={"type": "object"},
    example="{name: order-to-erp, input: '${ . }'}",
    effect=EffectClass.READ,
)


TEMPLATE = Function(
    name="template",
    summary="Fills a text of the site folder with data, for a mail or a document.",
    arguments=(
        Argument(
            name="name",
            summary="Name of the text: templates/NAME in the site folder. What ends with .html or .xml is escaped.",
            kind=Kind.NAME,
            required=True,
            example="name: order-thanks.html",
        ),
        Argument(name="input", summary="What it is filled with.", required=True, example="input: '${ . }'"),
    ),
    output={"type": "string"},
    example="{name: order-thanks.html, input: '${ . }'}",
    effect=EffectClass.READ,
)


class OpenBreakers(Gauge):
    """1 for every connection whose breaker is not closed; looked up when somebody asks, so that it never lags."""

    states: Callable[[], Mapping[str, str]] = dict  # by connection; those of the hub once that is open

    def collect(self) -> Iterable[Metric]:
        """The connections that are not well now."""
        self.clear()
        for connection, state in type(self).states().items():
            if state != CLOSED:
                self.labels(connection).set(1)
        return super().collect()


CLOSED = "closed"
BREAKERS = OpenBreakers(
    "exlify_breaker_open",
    "1 for a connection that is not called because it has failed repeatedly. Look at the system behind it.",
    ["connection"],
)


@dataclass(frozen=True, kw_only=True)
class CallSettings(Group):
    """Calls of outside systems."""

    concurrency: int = setting(
        "EXLIFY_CALL_CONCURRENCY", 64, "Outside calls under way at once in one worker", minimum=1
    )
    allow_hosts: str = setting(
        "EXLIFY_CALL_ALLOW_HOSTS", "", "Hosts that calls may go to, patterns separated by commas; empty: any"
    )
    allow_private: bool = setting(
        "EXLIFY_CALL_ALLOW_PRIVATE", True, "Whether calls may go to loopback and private networks"
    )


PAUSES = Topic(
    name="hub.state.pause.v1",
    messages=("SystemPause",),
    keyed=Keyed.NONE,
    key="connection",
    compacted=True,
    written_by="gateway; call, of endpoints that are gone",
)

REDELIVERIES = Topic(
    name="hub.act.delivery.v1",
    messages=("Redelivery",),
    written_by="the gateway",
    retention_ms=90 * DAY_MS,
)

REPORTS = Topic(
    name="hub.seen.system.v1",
    messages=("SystemReport",),
    keyed=Keyed.NONE,
    key="connection",
    written_by="call, beside its commands",
    retention_ms=3_600_000,
    config={"segment.ms": "900000"},
)

DECLARATION = Declaration(
    name="call",
    summary="Carries out steps that ask an outside system.",
    worker="steps",
    make="streams.processors.call.processor:Call",
    local="streams.processors.call.local:Unpaused",
    writes=(INBOX,),
    table="call",
    buries=True,
    functions=(*OPERATIONS, MAPPING, TEMPLATE),
    settings=(CallSettings, ConnectionSettings),
    metrics=(SECONDS, POSTPONED, BREAKERS),
    rows="streams.processors.call.rows:ROWS",
)
