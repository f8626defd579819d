"""The ways in for webhooks: the built-in one and those of `hooks.yaml` in the site folder, each with its secrets.

    orders:
      type: com.example.order-placed.v1
      source: /hooks/orders            # this is what it is when left out
      subject: /order                  # JSON Pointer into the body
      secret: ${env:ORDERS_SECRET}     # or ${file:PATH}; several, separated by blanks, while a sender changes it

A sender that signs in another way has a `scheme`, see `signatures.py`.

Without `secret` the variable EXLIFY_HOOK_<NAME>_SECRET counts, and without that the file `hook-<name>.secret` of the
data folder, which is made with a new secret when it is missing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from streams.gateway.hook_schemes import read_scheme, read_secrets
from streams.gateway.settings import HookSettings
from streams.gateway.signatures import Scheme
from streams.gateway.webhooks import SECRET_SHAPE, decoded_secrets, fresh_secret
from streams.ground.errors import ConfigurationError
from streams.ground.references import without_references
from streams.ground.setting import fold
from streams.ground.settings import Settings
from streams.ground.site import Site
from streams.ground.site_yaml import Part

FILE = "hooks.yaml"
FORMER_FILE = "hooks.json"  # in the data folder, until it moved
BUILT_IN: Mapping[str, Mapping[str, Any]] = {
    "applications": {
        "type": "exlify.onboarding.application-submitted.v1",
        "source": "/hooks/applications",
        "subject": "/application_id",
    }
}
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")  # part of a variable's and of a file's name

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Hook:
    """A way in for one kind of event: its CloudEvents type and source, and where in the body its subject stands."""

    name: str
    type: str
    source: str
    subject: str | None = None  # JSON Pointer
    secrets: tuple[bytes, ...] = field(default=(), repr=False)
    scheme: Scheme | None = None  # None: Standard Webhooks
    id: str = ""  # JSON Pointer; only with a scheme


class Hooks(Mapping[str, Hook]):
    """The hooks as they are now, by name; a change of the file is seen without a restart."""

    def __init__(self, settings: Settings, site: Site) -> None:
        """Raises ConfigurationError for a faulty file, and for a kept secret that is none."""
        self._settings = settings
        self._built_in = {
            name: Hook(name=name, secrets=self._usual_secrets(name), **declared) for name, declared in BUILT_IN.items()
        }
        self._file = site.file(FILE, self._read)

    def __getitem__(self, name: str) -> Hook:
        return self._file.value[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._file.value)

    def __len__(self) -> int:
        return len(self._file.value)

    def _read(self, document: Part | None) -> Mapping[str, Hook]:
        declared = document.members() if document else {}
        return self._built_in | {name: self._hook(name, part) for name, part in declared.items()}

    def _hook(self, name: str, part: Part) -> Hook:
        if not _NAME.fullmatch(name):
            part.fault(f"{name[:70]!r} is no name of a hook", "use small letters, digits and hyphens")
        members = part.only("type", "source", "subject", "secret", "scheme", "id")
        if "type" not in members:
            part.fault("no type", "add `type:` and the CloudEvents type of its events")
        scheme = read_scheme(members["scheme"]) if "scheme" in members else None
        if scheme is None and "id" in members:
            members["id"].fault("an id beside the one that is signed", "leave it out, or name a `scheme`")
        if scheme is not None and "secret" not in members:
            part.fault("no secret", "add `secret:` and what the sender has, as ${env:NAME} or ${file:PATH}")
        return Hook(
            name=name,
            type=members["type"].text(),
            source=members["source"].text() if "source" in members else f"/hooks/{name}",
            subject=_pointer(members["subject"]) if "subject" in members else None,
            secrets=_written_secrets(members["secret"], scheme)
            if "secret" in members
            else self._secrets_of(name, part),
            scheme=scheme,
            id=_pointer(members["id"]) if "id" in members else scheme.id if scheme else "",
        )

    def _secrets_of(self, name: str, part: Part) -> tuple[bytes, ...]:
        try:
            return self._usual_secrets(name)
        except (ConfigurationError, OSError) as error:
            part.fault(str(error).rstrip("."), "correct it, or give the hook a `secret:`")

    def _usual_secrets(self, name: str) -> tuple[bytes, ...]:
        if given := self._settings.of(HookSettings).secrets.get(fold(name)):
            return given
        file = secret_file(self._settings, name)
        try:
            return decoded_secrets(_kept_secret(file))
        except ValueError:
            raise ConfigurationError(f"{file}: no secret. Write {SECRET_SHAPE}, or remove it for a new one.") from None


def name_former_file(settings: Settings) -> None:
    """Says what to do with the file that hooks were declared in before; nothing reads it any more."""
    former = settings.data_dir / FORMER_FILE
    if former.exists():
        place = str(settings.site_dir.absolute() / FILE)
        log.warning("hooks file not read any more", file=str(former), remedy=f"move its hooks to {place}, remove it")


def secret_file(settings: Settings, name: str) -> Path:
    """Where the secret of a hook is kept if nobody gives one."""
    return settings.data_dir / f"hook-{name}.secret"


def read_secret(settings: Settings, name: str) -> bytes:
    """The first secret of a hook, for a sender on this machine."""
    return Hooks(settings, Site(settings.site_dir))[name].secrets[0]


def _pointer(part: Part) -> str:
    pointer = part.text()
    if not pointer.startswith("/"):
        part.fault("no JSON Pointer", "begin with /")
    return pointer


def _written_secrets(part: Part, scheme: Scheme | None) -> tuple[bytes, ...]:
    if without_references(part.written()).strip():
        part.fault("a secret in the file", "write ${env:NAME} or ${file:PATH} in its place")
    if scheme is not None:
        return read_secrets(part)
    try:
        return decoded_secrets(part.text())
    except ValueError:
        part.fault("it stands for no secret", f"let it stand for {SECRET_SHAPE}")


def _kept_secret(file: Path) -> str:
    if file.exists():
        return file.read_text()
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(fresh_secret() + "\n")
    try:
        os.link(draft, file)  # whole or not at all, and never over one that somebody has made meanwhile
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return file.read_text()
