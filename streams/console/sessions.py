"""Sessions: who has come in, in a signed cookie, and tokens that prove a form to be ours.

The keys are derived from the gateway's token, so that several gateways share them, and changing the token ends every
session. Without a token nobody has to come in; the key is then drawn once for each process. Pure but for that.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import orjson

from streams.console.rights import MAX_NAME

LIFETIME_S = 8 * 3600
NAME = "exlify-session"
SECURE_NAME = "__Host-exlify-session"


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who has come in, by the name that they gave."""

    actor: str
    until_s: int
    text: str  # the cookie's value


class Sessions:
    """Makes sessions and knows them again."""

    def __init__(self, token: str, clock: Callable[[], float] = time.time) -> None:
        secret = token.encode() or secrets.token_bytes(32)
        self._key = hmac.digest(secret, b"exlify console sessions", "sha256")
        self._form_key = hmac.digest(secret, b"exlify console forms", "sha256")
        self._clock = clock

    def begin(self, actor: str) -> Session:
        """A new session for this name."""
        until = int(self._clock()) + LIFETIME_S
        body = _text(orjson.dumps([actor[:MAX_NAME], until, secrets.token_hex(8)]))
        return Session(actor[:MAX_NAME], until, f"{body}.{self._signature(body)}")

    def known(self, text: str) -> Session | None:
        """The session of a cookie's value; None where it is not one of ours, or over."""
        body, _, signature = text.partition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(body).encode()):
            return None
        try:
            actor, until, _ = orjson.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        except (binascii.Error, ValueError):
            return None
        return Session(actor, until, text) if until > self._clock() else None

    def form_token(self, session: Session | None) -> str:
        """What a form of this session has to bring along."""
        return hmac.digest(self._form_key, (session.text if session else "").encode(), "sha256").hex()

    def is_form_token(self, session: Session | None, given: str) -> bool:
        """Whether a form was made for this session."""
        return hmac.compare_digest(given.encode(), self.form_token(session).encode())

    def _signature(self, body: str) -> str:
        return _text(hmac.digest(self._key, body.encode(), "sha256"))


@dataclass
class Attempts:
    """How often a token may be tried: a few times a minute from one address, a few more from all together."""

    clock: Callable[[], float] = time.monotonic
    of_one: int = 5
    of_all: int = 50
    window_s: float = 60.0
    _failed: deque[tuple[float, str]] = field(default_factory=deque)

    def allowed(self, address: str) -> bool:
        """Whether this address may try now."""
        while self._failed and self._failed[0][0] <= self.clock() - self.window_s:
            self._failed.popleft()
        ours = sum(1 for _, other in self._failed if other == address)
        return ours < self.of_one and len(self._failed) < self.of_all

    def failed(self, address: str) -> None:
        """Takes note of a wrong token."""
        self._failed.append((self.clock(), address))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
