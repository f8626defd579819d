"""Standard Webhooks: who sent it, whether it is fresh, and which event it becomes.

A sender signs `id.timestamp.body` with HMAC-SHA256 under a shared secret (https://www.standardwebhooks.com). Several
secrets may be valid at once, so that they can be changed without a gap; a signature of any of them will do. The
webhook's id becomes the event's id, so a delivery that is repeated starts nothing twice.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from streams.ground.errors import ConfigurationError
from streams.ground.settings import Settings

TOLERANCE_S = 300
SECRET_PREFIX = "whsec_"
SECRET_BYTES = 32
HOOKS_FILE = "hooks.json"
BUILT_IN: Mapping[str, Mapping[str, str]] = {
    "applications": {
        "type": "exlify.onboarding.application-submitted.v1",
        "source": "/hooks/applications",
        "subject": "/application_id",
    }
}
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")  # part of a variable's and of a file's name


class InvalidSignatureError(Exception):
    """The request does not prove that it comes from the sender, now; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Hook:
    """A way in for one kind of event: its CloudEvents type and source, and where in the body its subject stands."""

    name: str
    type: str
    source: str
    subject: str | None = None  # JSON Pointer
    secrets: tuple[bytes, ...] = field(default=(), repr=False)


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
    given = [text.encode() for text in signatures.split()]
    matches = [hmac.compare_digest(one, other.encode()) for one in given for other in expected]
    if not any(matches):
        raise InvalidSignatureError("the signature is not that of a secret of this hook")
    if not (timestamp.isascii() and timestamp.isdigit()) or abs(now_s - int(timestamp[:15])) > TOLERANCE_S:
        raise InvalidSignatureError(
            f"webhook-timestamp is more than {TOLERANCE_S} s away from the time here; send it anew"
        )
    return Delivery(message_id, int(timestamp))


def signature(secret: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    """The `v1` signature of a delivery, as it stands in the header `webhook-signature`."""
    digest = hmac.digest(secret, f"{message_id}.{timestamp}.".encode() + body, "sha256")
    return "v1," + base64.b64encode(digest).decode()


def signed_headers(secret: bytes, message_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """What a sender adds to its request."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": signature(secret, message_id, str(timestamp_s), body),
    }


def subject_of(body: Any, pointer: str | None) -> str | None:
    """The text or number at a JSON Pointer; None if there is none."""
    value = body
    for part in (pointer or "").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        value = value.get(name) if isinstance(value, dict) else None
    return str(value) if pointer and isinstance(value, str | int) and str(value) else None


def load_hooks(settings: Settings, environ: Mapping[str, str] = os.environ) -> dict[str, Hook]:
    """The hooks of the file `hooks.json` in the data folder, beside the built-in ones, with their secrets.

    The file is an object: name → `type`, and if wanted `source` (default `/hooks/<name>`) and `subject` (JSON Pointer).
    Secrets stand in EXLIFY_HOOK_<NAME>_SECRET, separated by blanks; else in the file `hook-<name>.secret` of the data
    folder, which is made with a new secret when it is missing. Raises ConfigurationError for a secret that is none.
    """
    hooks = {}
    for name, hook in {**BUILT_IN, **_declared(settings.data_dir / HOOKS_FILE)}.items():
        variable = f"EXLIFY_HOOK_{name.upper().replace('-', '_')}_SECRET"
        text = environ.get(variable) or _kept_secret(secret_file(settings, name))
        hooks[name] = Hook(name=name, secrets=tuple(_decode(each, variable) for each in text.split()), **hook)
    return hooks


def _declared(file: Path) -> dict[str, dict[str, str]]:
    try:
        declared = msgspec.json.decode(file.read_bytes(), type=dict[str, _Declaration])
    except FileNotFoundError:
        return {}
    except msgspec.DecodeError as error:
        raise ConfigurationError(
            f"{file}: {error}. A hook has a type and, if wanted, a source and a subject."
        ) from None
    for name in declared:
        if not _NAME.fullmatch(name):
            raise ConfigurationError(
                f"{file}: {name[:70]!r} is no name of a hook; use small letters, digits and hyphens."
            )
    return {
        name: {"type": each.type, "source": each.source or f"/hooks/{name}"}
        | ({"subject": each.subject} if each.subject else {})
        for name, each in declared.items()
    }


class _Declaration(msgspec.Struct, forbid_unknown_fields=True):
    type: str
    source: str | None = None
    subject: str | None = None


def secret_file(settings: Settings, name: str) -> Path:
    """Where the secret of a hook is kept if no variable is set."""
    return settings.data_dir / f"hook-{name}.secret"


def read_secret(settings: Settings, name: str, environ: Mapping[str, str] = os.environ) -> bytes:
    """The first secret of a hook, for a sender on this machine."""
    return load_hooks(settings, environ)[name].secrets[0]


def _kept_secret(file: Path) -> str:
    if file.exists():
        return file.read_text()
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(fresh + "\n")
    try:
        os.link(draft, file)  # whole or not at all, and never over one that somebody has made meanwhile
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return file.read_text()


def _decode(text: str, variable: str) -> bytes:
    try:
        secret = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        secret = b""
    if len(secret) < 16:
        raise ConfigurationError(
            f"{variable}: write whsec_ and at least 16 bytes in base64, as Standard Webhooks has it."
        )
    return secret
