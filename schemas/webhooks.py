"""Standard Webhooks as both sides have them: what a sender signs, and how a secret is written.

Signed is `id.timestamp.body`, with HMAC-SHA256 under a shared secret (https://www.standardwebhooks.com).
"""

from __future__ import annotations

import base64
import hmac

SECRET_PREFIX = "whsec_"
LEAST_SECRET_BYTES = 16
SECRET_SHAPE = f"{SECRET_PREFIX} and at least {LEAST_SECRET_BYTES} bytes in base64, as Standard Webhooks has it"


def signature(secret: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    """The `v1` signature of a delivery, as it stands in the header `webhook-signature`."""
    digest = hmac.digest(secret, f"{message_id}.{timestamp}.".encode(errors="surrogateescape") + body, "sha256")
    return "v1," + base64.b64encode(digest).decode()


def signed_headers(secret: bytes, message_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """What a sender adds to its request."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": signature(secret, message_id, str(timestamp_s), body),
    }


def decoded_secrets(text: str) -> tuple[bytes, ...]:
    """The secrets that a text has, separated by blanks, at least one; raises ValueError where one is none."""
    return tuple(_decoded(each) for each in text.split() or [""])


def _decoded(text: str) -> bytes:
    secret = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    if len(secret) < LEAST_SECRET_BYTES:
        raise ValueError
    return secret
