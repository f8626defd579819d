"""Secrets of the site that definitions name: told to the hosts that the site says, and to nobody else."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from connectors.hub.contract import Refused
from schemas.reasons import Reason

_NAME = re.compile(r"[A-Za-z_][\w-]{0,62}", re.ASCII)
WHOLE = ""  # the member of a secret that is one text


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret: a text, or texts by name, and whom it is for."""

    values: Mapping[str, str] = field(repr=False)
    hosts: tuple[str, ...] = ()  # patterns such as *.example.com


SecretsOf = Callable[[str], Secret | None]
"""The secret of a name as it is now."""


def no_secrets(name: str) -> Secret | None:
    """The site has none."""
    return None


def told(secrets_of: SecretsOf, name: str, member: str, host: str) -> str:
    """A secret for a call to this host. Raises Refused."""
    if not _NAME.fullmatch(name):  # may be data, so it is not quoted
        raise Refused(Reason.INPUT_INVALID, "secret is no name; write letters, digits and _")
    secret = secrets_of(name)
    if secret is None:
        raise Refused(Reason.MISCONFIGURED, f"secret {name} is not there; add it to secrets.yaml in the site folder")
    if not any(fnmatchcase(host.lower(), pattern.lower()) for pattern in secret.hosts):
        raise Refused(Reason.POLICY_DENIED, f"secret {name} is not for {host}; see its hosts in secrets.yaml")
    value = secret.values.get(member)
    if value is None:
        wanted = f"no member {member}" if member and _NAME.fullmatch(member) else "members, and is no single text"
        raise Refused(Reason.MISCONFIGURED, f"secret {name} has {wanted}; see secrets.yaml in the site folder")
    return value
