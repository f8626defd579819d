"""The id of what is sent, by which its receiver can drop what it has already."""

from hashlib import sha256


def message_id(key: str) -> str:
    """The `webhook-id` of what is sent under an idempotency key: the same however often it is sent, and it tells a
    stranger nothing about the step."""
    return f"msg_{sha256(key.encode()).hexdigest()[:32]}"
