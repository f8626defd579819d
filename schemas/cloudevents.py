"""CloudEvents 1.0: what a business event says about itself, and how that travels in Kafka record headers.

On Kafka, events go in binary mode: one header `ce_<attribute>` each, UTF-8, the data alone in the value, and
`content-type` for the attribute `datacontenttype`. Extensions such as `traceparent` are attributes like all others.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from types import MappingProxyType
from typing import Any, Final, NamedTuple

SPEC_VERSION: Final = "1.0"
HEADER_PREFIX: Final = "ce_"
CONTENT_TYPE_HEADER: Final = "content-type"
REQUIRED: Final = ("specversion", "id", "source", "type")
MAX_VALUE_LENGTH: Final = 1_024  # characters; attributes become record headers, and headers are not compacted
MAX_NAME_LENGTH: Final = 64  # the specification advises 20
MAX_ATTRIBUTES: Final = 64
MOST_FAULTS: Final = 100
"""That are told at once, however many there are: few bytes can have very many, and each is told in more."""

Headers = Sequence[tuple[str, bytes | None]]
"""Record headers, as Kafka clients give them."""

_NAME = re.compile(r"[a-z0-9]+")
FORBIDDEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_URI_REFERENCE = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:.+")
_TIME = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)[Tt](?P<minute>\d\d:\d\d):(?P<second>\d\d)(?P<fraction>\.\d+)?(?P<zone>[Zz]|[+-]\d\d:\d\d)"
)


class DataFault(NamedTuple):
    """One thing that is wrong with an event: where it stands, and what to do about it. Never quotes a value."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class InvalidEventError(Exception):
    """An event cannot be accepted; `faults` lists what is wrong, up to MOST_FAULTS, each with its remedy."""

    def __init__(self, faults: Iterable[DataFault]) -> None:
        self.faults = tuple(islice(faults, MOST_FAULTS))
        super().__init__("; ".join(map(str, self.faults)))


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """An event with valid attributes, all of them text, and its data as JSON-compatible values (None: no data)."""

    attributes: Mapping[str, str]
    data: Any = None

    def __post_init__(self) -> None:
        if faults := check_attributes(self.attributes):
            raise InvalidEventError(faults)
        object.__setattr__(self, "attributes", MappingProxyType(dict(self.attributes)))

    @property
    def id(self) -> str:
        """Together with the source, names the event."""
        return self.attributes["id"]

    @property
    def source(self) -> str:
        """Context in which the event happened, a URI reference."""
        return self.attributes["source"]

    @property
    def type(self) -> str:
        """What kind of event it is."""
        return self.attributes["type"]

    @property
    def time_ms(self) -> int | None:
        """When it happened, Unix time in milliseconds; None where the event does not say."""
        time = self.attributes.get("time")
        return None if time is None else parse_time_ms(time)


def check_attributes(attributes: Mapping[str, str]) -> list[DataFault]:
    """Everything that is wrong with a set of attributes, in the order of the specification; empty if nothing is."""
    faults = [DataFault(name, "is required; add it") for name in REQUIRED if name not in attributes]
    if len(attributes) > MAX_ATTRIBUTES:
        faults.append(DataFault("attributes", f"an event has at most {MAX_ATTRIBUTES}; move the rest into the data"))
    for name, value in islice(attributes.items(), MOST_FAULTS):
        message = _name_fault(name) or _value_fault(value) or _MEANING.get(name, _anything)(value)
        if message:
            faults.append(DataFault(name if _NAME.fullmatch(name) else repr(name[:MAX_NAME_LENGTH]), message))
    return faults


def parse_time_ms(time: str) -> int:
    """Unix time in milliseconds of an RFC 3339 time; finer digits are cut off. Raises ValueError where it is none."""
    match = _TIME.fullmatch(time)
    if match is None:
        raise ValueError("not a time of RFC 3339")
    leap = match["second"] == "60"  # allowed by RFC 3339, unknown to datetime: the same instant as the next second
    second = "59" if leap else match["second"]
    zone = "+00:00" if match["zone"] in "Zz" else match["zone"]
    moment = datetime.fromisoformat(f"{match['day']}T{match['minute']}:{second}{zone}")
    fraction_ms = int((match["fraction"] or ".0")[1:4].ljust(3, "0"))
    since_epoch = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return since_epoch // timedelta(milliseconds=1) + 1_000 * leap + fraction_ms


def to_headers(attributes: Mapping[str, str], content_type: str) -> list[tuple[str, bytes]]:
    """Record headers of an event whose value travels as `content_type`, in a stable order."""
    names = sorted(attributes.keys() - {"datacontenttype"})
    headers = [(HEADER_PREFIX + name, attributes[name].encode()) for name in names]
    return [*headers, (CONTENT_TYPE_HEADER, content_type.encode())]


def from_headers(headers: Headers) -> dict[str, str]:
    """The attributes that record headers carry, those of them that are there.

    A record of somebody who knows nothing of CloudEvents has none. Raises InvalidEventError for those that are wrong.
    """
    attributes: dict[str, str] = {}
    for header, value in headers:
        name = "datacontenttype" if header == CONTENT_TYPE_HEADER else header.removeprefix(HEADER_PREFIX)
        if value is not None and (name != header or name == "datacontenttype"):
            attributes[name] = _text(name, value)
    if faults := [
        fault for fault in check_attributes(attributes) if fault.place not in REQUIRED or fault.place in attributes
    ]:
        raise InvalidEventError(faults)
    return attributes


def _text(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InvalidEventError([DataFault(name, "must be UTF-8 text")]) from None


@lru_cache(maxsize=256)  # the same few names stand in every event
def _name_fault(name: str) -> str | None:
    if not _NAME.fullmatch(name):
        return "is no attribute name; use lower-case letters and digits only"
    if name == "data":
        return "is no attribute; the data of the event has a place of its own"
    if len(name) > MAX_NAME_LENGTH:
        return f"the name has more than {MAX_NAME_LENGTH} characters; shorten it"
    return None


def _value_fault(value: str) -> str | None:
    if not value:
        return "must not be empty; leave the attribute out or give it a value"
    if len(value) > MAX_VALUE_LENGTH:
        return f"has more than {MAX_VALUE_LENGTH} characters; shorten it, or move it into the data"
    if FORBIDDEN.search(value):
        return "contains a control character or one that is no character of Unicode; remove it"
    return None


def _anything(value: str) -> str | None:
    return None


def _specversion(value: str) -> str | None:
    return None if value == SPEC_VERSION else f'must be "{SPEC_VERSION}", the version that is understood here'


@lru_cache(maxsize=256)  # and the same few sources
def _source(value: str) -> str | None:
    return (
        None if _URI_REFERENCE.fullmatch(value) else "must be a URI reference, such as /channels/web; percent-encode it"
    )


def _dataschema(value: str) -> str | None:
    return (
        None
        if _source(value) is None and _URI.fullmatch(value)
        else "must be an absolute URI, such as https://host/name"
    )


def _time(value: str) -> str | None:
    try:
        parse_time_ms(value)
    except (ValueError, OverflowError):
        return "must be a time of RFC 3339, such as 2026-01-31T08:30:00Z"
    return None


def _datacontenttype(value: str) -> str | None:
    type_, slash, subtype = value.partition(";")[0].strip().partition("/")
    return None if type_ and slash and subtype else "must be a media type, such as application/json"


_MEANING: Final[Mapping[str, Callable[[str], str | None]]] = MappingProxyType(
    {
        "specversion": _specversion,
        "source": _source,
        "dataschema": _dataschema,
        "time": _time,
        "datacontenttype": _datacontenttype,
    }
)
"""What the specification asks of the value of an attribute, by name."""
