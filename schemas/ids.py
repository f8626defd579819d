"""Ids are derived, never drawn: the same event gives the same instance, the same step the same key.

So whoever sees something a second time can tell that it does, without asking anybody.
"""

from hashlib import blake2b
from typing import NewType

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


def letter_id(partition: int, *parts: str) -> str:
    """Id of a letter: the partition number where its record stands, and a hash of what it is."""
    return f"{partition}-{_digest(b'letter', *parts)}"


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
