"""Ids are derived, never drawn: the same event gives the same instance, the same step the same key.

So whoever sees something a second time can tell that it does, without asking anybody.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, NewType

import orjson

INSTANCE_ID_LENGTH = 32
"""Length of an instance id in characters: 16 bytes as lower-case hex digits."""

_PARTITION_DIGITS = 8

Key = NewType("Key", str)
"""A text that travels in clear, in record keys, headers and indexes: business key, event id, correlation value.

Never personal data; what may be some is a `Payload`.
"""


def instance_id(workflow: str, source: str, event_id: str) -> str:
    """Id of the instance that the event named by CloudEvents `source` and `event_id` starts of `workflow`.

    32 lower-case hex digits. Two events share an id with a probability of 2^-128 per pair.
    """
    return _digest(b"event", workflow, source, event_id)


def replay_instance_id(workflow: str, source: str, event_id: str, replay: str) -> str:
    """Id of the instance in which a replay processes the same event anew: another for every replay."""
    return _digest(b"replay", workflow, source, event_id, replay)


def step_id(instance: str, pointer: str, iteration: int, attempt: int) -> str:
    """Id of one step and idempotency key of its effects; `pointer` is a JSON Pointer, so it begins with a slash."""
    return f"{instance}{pointer}/{iteration}/{attempt}"


def instance_of(step: str) -> str:
    """The instance to which a step id (a human task's id, too) belongs; the whole text if it is no step id."""
    return step.partition("/")[0]


def partition_of(key: str, count: int) -> int:
    """Partition of an instance among `count`: the first eight hex digits of its id, modulo `count`.

    They are 32 bits of a uniform hash already, so hashing them once more would add nothing. Every topic of a flow has
    the same count, so an instance stays on one partition number everywhere. Raises ValueError where `key` is no
    instance id.
    """
    if len(key) != INSTANCE_ID_LENGTH:
        raise ValueError(f"an instance id has {INSTANCE_ID_LENGTH} hex digits, this key has {len(key)} characters")
    return int(key[:_PARTITION_DIGITS], 16) % count


_AWAITED, _STARTED = "exlify:run/", "exlify:start/"  # sources of instances that other instances have started


def child_id(step: str) -> str:
    """Id of the instance that a step starts."""
    return _digest(b"child", step)


def child_source(depth: int, *, awaited: bool) -> str:
    """What stands as the source of an instance that a step has started: whether that waits, and how deep it is."""
    return f"{_AWAITED if awaited else _STARTED}{depth}"


def depth_of(source: str) -> int:
    """How many instances have started each other, down to the one of this source; 0 where an event did."""
    for prefix in (_AWAITED, _STARTED):
        if source.startswith(prefix) and source[len(prefix) :].isdecimal():
            return int(source[len(prefix) :])
    return 0


def awaited_by(instance: str, source: str, event_id: str) -> str | None:
    """The id of the step that waits for an instance's outcome; None where none does, whatever its source says."""
    return event_id if source.startswith(_AWAITED) and child_id(event_id) == instance else None


def correlation_key(what: str, values: Sequence[tuple[str, Any]]) -> str:
    """Where an event and who waits for it meet: a hash of what is waited for and of the values that relate the two.

    32 lower-case hex digits, so that a topic can be keyed by it as by an instance id. Nobody can read a value off it.
    """
    written = orjson.dumps(values, option=orjson.OPT_SORT_KEYS).decode()
    return _digest(b"correlation", what, written)


def event_key(source: str, event_id: str) -> str:
    """A hash by which an event is known, also when it is delivered a second time."""
    return _digest(b"event-key", source, event_id)[:16]


def letter_id(partition: int, *parts: str) -> str:
    """Id of a letter: the partition number where its record stands, and a hash of what it is."""
    return f"{partition}-{_digest(b'letter', *parts)}"


def alert_id(kind: str, *place: str) -> str:
    """Id of the alert about what is wrong in this way at this place, in the form of an instance id."""
    return _digest(b"alert", kind, *place)


def letter_partition(letter: str, count: int) -> int:
    """The partition number that a letter's id begins with. Raises ValueError where it is none of `count`."""
    number, _, rest = letter.partition("-")
    if not (number.isdecimal() and len(rest) == INSTANCE_ID_LENGTH and int(number) < count):
        raise ValueError("no id of a letter")
    return int(number)


def _digest(kind: bytes, *parts: str) -> str:
    """Hash of `parts`, each behind its length, so that ("ab", "c") is not ("a", "bc"); `kind` keeps uses apart."""
    digest = blake2b(digest_size=INSTANCE_ID_LENGTH // 2, person=kind)
    for part in parts:
        data = part.encode()
        digest.update(len(data).to_bytes(4, "big"))
        digest.update(data)
    return digest.hexdigest()
