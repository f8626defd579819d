"""Standard Webhooks: who sent it, whether it is fresh, and whom it is about; `hooks.py` has the hooks themselves.

A sender signs `id.timestamp.body` with HMAC-SHA256 under a shared secret (https://www.standardwebhooks.com). Several
secrets may be valid at once, so that they can be changed without a gap; a signature of any of them will do. The
webhook's id becomes the event's id, so a delivery that is repeated starts nothing twice.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.webhooks import SECRET_PREFIX, SECRET_SHAPE, decoded_secrets, signature, signed_headers

__all__ = [
    "SECRET_SHAPE",
    "TOLERANCE_S",
    "Delivery",
    "InvalidSignatureError",
    "decoded_secrets",
    "fresh_secret",
    "signature",
    "signed_headers",
    "verify",
]

TOLERANCE_S = 300
SECRET_BYTES = 32
_SECONDS = re.compile("[0-9]{1,15}")


class InvalidSignatureError(Exception):
    """The request does not prove that it comes from the sender, now; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the signature vouches for, beside the body."""

    id: str
    timestamp_s: int


def verify(secrets: Sequence[bytes], headers: Mapping[str, str], body: bytes, now_s: float) -> Delivery:
    """The delivery that the headers name; raises InvalidSignatureError.

    Compares in constant time, and looks at the time last, so that only a sender learns about our clock.
    """
    message_id, timestamp, signatures = (
        headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")
    )
    if not (message_id and timestamp and signatures):
        raise InvalidSignatureError("send webhook-id, webhook-timestamp and webhook-signature")
    expected = [signature(secret, message_id, timestamp, body) for secret in secrets]
    given = [text.encode(errors="surrogateescape") for text in signatures.split()]
    matches = [hmac.compare_digest(one, other.encode()) for one in given for other in expected]
    if not any(matches):
        raise InvalidSignatureError("the signature is not that of a secret of this hook")
    if not _SECONDS.fullmatch(timestamp) or abs(now_s - int(timestamp)) > TOLERANCE_S:
        raise InvalidSignatureError(
            f"webhook-timestamp is more than {TOLERANCE_S} s away from the time here; send it anew"
        )
    return Delivery(message_id, int(timestamp))


def fresh_secret() -> str:
    """A new secret, as it is written down."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
