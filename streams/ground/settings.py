"""The settings of a process: those that everybody needs, and by `of` those of every owner.

Values come from the environment; what is not set, or set to nothing, falls back to the `endpoints.json` that `exlify
up` writes into the data folder (addresses only), then to the default. `load` is the one place that reads either;
`streams.catalogue.load_settings` calls it with every group there is.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self, TypeVar

from streams.ground.errors import ConfigurationError
from streams.ground.kinds import FILE, FOLDER, NAME, SERVERS, address
from streams.ground.setting import Group, Spec, setting, specs
from streams.ground.terminal import visible
from streams.ground.variables import doubts, is_injected

ENDPOINTS_FILE = "endpoints.json"
DATA_DIR = Path(".exlify")
SECURITY = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
LEVELS = ("debug", "info", "warning", "error")

G = TypeVar("G", bound=Group)


@dataclass(frozen=True, kw_only=True)
class Settings(Group):
    """Every process."""

    data_dir: Path = setting("EXLIFY_DATA_DIR", DATA_DIR, "Folder of everything that a local Exlify keeps")
    site_dir: Path = setting(
        "EXLIFY_SITE_DIR", Path(), "Folder of your own files: connections.yaml, hooks.yaml, steps/", kind=FOLDER
    )
    bootstrap: str = setting(
        "EXLIFY_BOOTSTRAP", "", "Kafka bootstrap servers, host:port separated by commas", kind=SERVERS, endpoint="kafka"
    )
    registry_url: str = setting(
        "EXLIFY_REGISTRY_URL",
        "",
        "Schema registry (Confluent REST API); `none`: the committed id map instead",
        kind=address("http", "https", besides=("none",)),
        endpoint="registry",
    )
    registry_user: str = setting("EXLIFY_REGISTRY_USER", "", "User for the registry's basic authentication")
    registry_password: str = setting("EXLIFY_REGISTRY_PASSWORD", "", "Password for the same", secret=True)
    security_protocol: str = setting(
        "EXLIFY_KAFKA_SECURITY", "PLAINTEXT", "How brokers are spoken to", choices=SECURITY
    )
    sasl_mechanism: str = setting("EXLIFY_KAFKA_SASL_MECHANISM", "PLAIN", "SASL mechanism", choices=MECHANISMS)
    sasl_username: str = setting("EXLIFY_KAFKA_USERNAME", "", "SASL user")
    sasl_password: str = setting("EXLIFY_KAFKA_PASSWORD", "", "SASL password", secret=True)
    ssl_ca_file: str = setting(
        "EXLIFY_KAFKA_CA_FILE", "", "CA certificates (PEM) that the brokers' are checked against", kind=FILE
    )
    ssl_cert_file: str = setting("EXLIFY_KAFKA_CERT_FILE", "", "Client certificate (PEM) for mutual TLS", kind=FILE)
    ssl_key_file: str = setting("EXLIFY_KAFKA_KEY_FILE", "", "Key of the client certificate (PEM)", kind=FILE)
    group_prefix: str = setting(
        "EXLIFY_GROUP_PREFIX", "exlify", "Consumer groups are named <prefix>-<processor>", kind=NAME
    )
    partitions: int = setting("EXLIFY_PARTITIONS", 4, "Partitions of all flow topics; fixed once they exist", minimum=1)
    replication: int = setting(
        "EXLIFY_REPLICATION", 1, "Replication factor of topics that Exlify makes (3 in production)", minimum=1
    )
    min_insync: int = setting(
        "EXLIFY_MIN_INSYNC",
        1,
        "How many replicas have to have a record of these (min.insync.replicas; 2 in production)",
        minimum=1,
    )
    host: str = setting("EXLIFY_HOST", "127.0.0.1", "Address that HTTP servers listen on")
    log_format: str = setting("EXLIFY_LOG_FORMAT", "text", "For people or for machines", choices=("text", "json"))
    log_level: str = setting("EXLIFY_LOG_LEVEL", "info", "The least that is logged", choices=LEVELS)
    groups: Mapping[type[Group], Group] = field(default_factory=dict)
    endpoints: Mapping[str, Any] = field(default_factory=dict, repr=False)  # see `read_endpoints`

    @property
    def has_registry(self) -> bool:
        """Whether schemas are registered, or numbered by the committed id map."""
        return self.registry_url not in ("", "none")

    def of(self, group: type[G]) -> G:
        """The settings of one owner; its defaults where nobody has loaded or given them."""
        found = self.groups.get(group)
        return found if isinstance(found, group) else group()

    def with_(self, *groups: Group) -> Self:
        """The same with these groups in place of theirs."""
        return replace(self, groups={**self.groups, **{type(each): each for each in groups}})


def on_stderr(line: str) -> None:
    """Says one line about the environment to whoever started this process."""
    print(f"exlify: {visible(line)}", file=sys.stderr)


def load(
    groups: Iterable[type[Group]], environ: Mapping[str, str] = os.environ, warn: Callable[[str], None] = on_stderr
) -> Settings:
    """The settings that are declared, with these groups.

    Raises ConfigurationError with a line for every value that does not fit and every variable that is misspelt; tells
    `warn` of variables that nobody declares.
    """
    faults: list[str] = []
    meant = {name: value for name, value in environ.items() if not is_injected(name, value)}
    data_dir = _value(specs(Settings)["data_dir"], meant, {}, [])
    endpoints = read_endpoints(data_dir or DATA_DIR)
    own = _group(Settings, meant, endpoints, faults)
    read = {group: _group(group, meant, endpoints, faults) for group in groups if group is not Settings}
    declared = [*specs(Settings).values(), *(spec for group in read for spec in specs(group).values())]
    refused, warned = doubts(meant, declared)
    if faults or refused:
        raise ConfigurationError(*faults, *refused)
    for line in warned:
        warn(line)
    owned = {group: group(**values) for group, values in read.items()}
    return Settings(**own, groups=owned, endpoints=endpoints)


def read_endpoints(data_dir: Path) -> dict[str, Any]:
    """What `exlify up` wrote about where everything is; empty where nothing runs.

    Raises ConfigurationError for a folder or a file that somebody else could have written: a token goes to the address
    that stands there.
    """
    path = data_dir / ENDPOINTS_FILE
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW), "rb") as file:
            written = os.fstat(file.fileno())
            ours = written.st_uid == os.geteuid() and not written.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            if not ours or data_dir.stat().st_uid not in (os.geteuid(), 0):  # root makes what is mounted as a volume
                raise _foreign(data_dir)
            found = json.loads(file.read())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except ValueError:
        raise ConfigurationError(f"{path}: not JSON. Remove it and start `exlify up` again.") from None
    except OSError:  # a link, or a file that this user may not read
        raise _foreign(data_dir) from None
    return found if isinstance(found, dict) else {}


def keep_private() -> None:
    """What this process and those that it starts write from here on is for this user alone."""
    os.umask(0o077)


def _foreign(data_dir: Path) -> ConfigurationError:
    return ConfigurationError(
        f"{data_dir}: belongs to another user, or others may write into it, so the addresses in it are not used."
        " Set EXLIFY_DATA_DIR to a folder of your own."
    )


def _group(
    group: type[Group], environ: Mapping[str, str], endpoints: Mapping[str, Any], faults: list[str]
) -> dict[str, Any]:
    read = {name: _value(spec, environ, endpoints, faults) for name, spec in specs(group).items()}
    return {name: value for name, value in read.items() if value is not None}


def _value(spec: Spec, environ: Mapping[str, str], endpoints: Mapping[str, Any], faults: list[str]) -> Any:
    """What is set, converted; None for the default. Notes what does not fit."""
    if spec.is_family:
        named = {name: variable for variable in environ if (name := spec.name_in(variable)) and environ[variable]}
        return {name: _converted(spec, variable, environ[variable], faults) for name, variable in named.items()}
    text = environ.get(spec.variable) or _from_file(spec, environ, faults)
    if text:
        return _converted(spec, spec.variable, text, faults)
    return endpoints.get(spec.endpoint) if spec.endpoint else None


def _from_file(spec: Spec, environ: Mapping[str, str], faults: list[str]) -> str | None:
    """The secret in the file that `<VARIABLE>_FILE` names, as containers are given them."""
    variable = spec.file_variable
    path = environ.get(variable) if variable else None
    if not path:
        return None
    try:
        return Path(path).read_text().rstrip("\r\n")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        faults.append(f"{variable}: {path} cannot be read ({reason}). Name a file with the secret in it, or remove it.")
        return None


def _converted(spec: Spec, variable: str, text: str, faults: list[str]) -> Any:
    try:
        return spec.kind.read(text)
    except (ValueError, OSError):
        faults.append(spec.fault(variable, text))
        return None
