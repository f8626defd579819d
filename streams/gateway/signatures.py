"""How senders sign webhooks, where it is not as Standard Webhooks has it: each a declaration, checked by one code.

    payments:
      type: com.example.payment.v1
      scheme: stripe                   # or github, slack, shopify, standard; or one of your own:
      scheme: {header: X-Signature, prefix: sha256=, encoding: hex, timestamp: X-Time, signed: '{timestamp}.{body}'}
      id: /id                          # JSON Pointer: where the body says which event it is
      secret: ${env:PAYMENTS_SECRET}   # the text that the sender has; several, separated by blanks, while it changes

What is not signed proves nothing. So an id in a header is not taken where the signature leaves headers out: the event's
id is what the body says at `id`, else the hash of the body, and a delivery that is sent again starts nothing twice.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from schemas.jsontext import text_at
from schemas.payload import Json
from streams.gateway.webhooks import TOLERANCE_S, Delivery, InvalidSignatureError

HEX, BASE64 = "hex", "base64"
_SECONDS = re.compile("[0-9]{1,15}")
_MOST_GIVEN = 10  # signatures of one delivery that are looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """One way to sign with HMAC-SHA256."""

    header: str  # where the signature stands
    prefix: str = ""  # before it
    encoding: str = HEX
    signed: str = "{body}"  # what it covers: {body}, and {timestamp} where there is one
    timestamp: str = ""  # header with the time in seconds; none: nothing says how old a delivery is
    pairs: bool = False  # the header is `t=SECONDS,NAME=SIGNATURE,…`, and `prefix` the name with its equals sign
    id: str = ""  # JSON Pointer, unless a hook has its own
    challenge: str = ""  # value of `type` in a body that is answered with its `challenge`


SCHEMES: Mapping[str, Scheme] = {
    "github": Scheme(header="X-Hub-Signature-256", prefix="sha256="),
    "shopify": Scheme(header="X-Shopify-Hmac-Sha256", encoding=BASE64),
    "slack": Scheme(
        header="X-Slack-Signature", prefix="v0=", timestamp="X-Slack-Request-Timestamp", signed="v0:{timestamp}:{body}",
        id="/event_id", challenge="url_verification",
    ),
    "stripe": Scheme(header="Stripe-Signature", prefix="v1=", pairs=True, signed="{timestamp}.{body}", id="/id"),
}  # fmt: skip


def verify(scheme: Scheme, secrets: Sequence[bytes], headers: Mapping[str, str], body: bytes, now_s: float) -> Delivery:
    """The delivery, without its id; raises InvalidSignatureError.

    Compares in constant time, and looks at the time last, so that only a sender learns about our clock.
    """
    given, timestamp = _given(scheme, headers)
    if scheme.encoding == HEX:  # some write its digits in capitals
        given = [each.lower() for each in given]
    covered = _covered(scheme, timestamp, body)
    expected = [_written(scheme, hmac.digest(secret, covered, "sha256")) for secret in secrets]
    matches = [hmac.compare_digest(one.encode(errors="surrogateescape"), other) for one in given for other in expected]
    if not any(matches):
        raise InvalidSignatureError("the signature is not that of a secret of this hook")
    if not timestamp:
        return Delivery("", int(now_s))
    if abs(now_s - int(timestamp)) > TOLERANCE_S:
        raise InvalidSignatureError(f"it was signed more than {TOLERANCE_S} s away from the time here; send it anew")
    return Delivery("", int(timestamp))


def event_id(pointer: str, data: Json, body: bytes) -> str:
    """Which event a delivery is: what the body says, else its hash."""
    return (text_at(data, pointer) if pointer else None) or sha256(body).hexdigest()


def _given(scheme: Scheme, headers: Mapping[str, str]) -> tuple[list[str], str]:
    """The signatures without their prefix, and the time, empty where the scheme has none."""
    written = headers.get(scheme.header, "")
    parts = [part.strip() for part in written.split(",")] if scheme.pairs else [written.strip()]
    given = [part.removeprefix(scheme.prefix) for part in parts if part.startswith(scheme.prefix)][:_MOST_GIVEN]
    if not any(given):
        raise InvalidSignatureError(f"send the signature in {scheme.header}")
    if not scheme.pairs and not scheme.timestamp:
        return given, ""
    times = (
        [part[2:] for part in parts if part.startswith("t=")] if scheme.pairs else [headers.get(scheme.timestamp, "")]
    )
    if len(times) != 1 or not _SECONDS.fullmatch(times[0]):
        raise InvalidSignatureError(f"send the time in seconds in {scheme.timestamp or scheme.header}")
    return given, times[0]


def _covered(scheme: Scheme, timestamp: str, body: bytes) -> bytes:
    before, _, after = scheme.signed.partition("{body}")
    return before.replace("{timestamp}", timestamp).encode() + body + after.replace("{timestamp}", timestamp).encode()


def _written(scheme: Scheme, digest: bytes) -> bytes:
    return digest.hex().encode() if scheme.encoding == HEX else base64.b64encode(digest)
