"""`exlify diagnose`: an archive for whoever helps, without secrets and without anything about anybody.

Every part says by name what it takes (`_shown`); whatever is not named stays here. Paths, addresses, names of people
and of cases, and texts that somebody has written are never named.
"""

from __future__ import annotations

import io
import json
import platform
import tarfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.cli._client import Client, nothing_runs, told_at
from streams.cli._output import echo, json_option, print_json
from streams.ground.errors import ExlifyError, UsageError
from streams.ground.interpreter import built_plainly

if TYPE_CHECKING:
    from streams.ground.settings import Settings

ASK_S = 5.0
MAX_BYTES = 4 * 2**20  # of one part
PACKAGES = ("exlify", "aiokafka", "confluent-kafka", "faust-streaming", "msgspec", "onnxruntime", "sqlalchemy")
MOST = 500  # of a list

Part = Callable[["Settings"], Any]


@click.command(
    epilog="""\b
Examples:
  exlify diagnose
  exlify diagnose --output /tmp/for-support.tar.gz
"""
)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Where to. Default: exlify-diagnose-TIME.tar.gz."
)
@json_option
def command(output: Path | None, as_json: bool) -> None:
    """Write an archive for whoever helps: versions, settings, health, lags, breakers, failures by their cause, metrics.

    It holds no secret, no address, no data of the business and nothing about anybody. What could not be asked is said.
    """
    from streams.catalogue import load_settings

    settings = load_settings()
    target = output or Path(f"exlify-diagnose-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.tar.gz")
    parts, missing = _gathered(settings)
    _write(target, {**parts, "missing.json": _json(missing)})
    if as_json:
        print_json({"archive": str(target), "parts": sorted(parts), "missing": missing})
        return
    echo(f"{target}: {len(parts)} parts")
    for name, why in missing.items():
        echo(f"! {name} is missing: {why}", err=True)


def _gathered(settings: Settings) -> tuple[dict[str, bytes], dict[str, str]]:
    """The parts by their name in the archive, and why others are missing."""
    parts: dict[str, bytes] = {}
    missing: dict[str, str] = {}
    for name, part in PARTS.items():
        try:
            parts[name] = _json(part(settings))
        except (ExlifyError, OSError, ValueError, KeyError) as error:
            missing[name] = type(error).__name__ if not isinstance(error, ExlifyError) else "nobody answers"
    for name, url in settings.endpoints.get("metrics", {}).items():
        try:
            parts[f"metrics/{name}.txt"] = told_at(url, ASK_S, MAX_BYTES)
        except OSError:
            missing[f"metrics/{name}.txt"] = "nobody answers"
    return parts, missing


def _versions(_: Settings) -> Any:
    return {
        "python": platform.python_version(), "built_plainly": built_plainly(),
        "system": platform.system(), "machine": platform.machine(),
        **{name: version(name) for name in PACKAGES},
    }  # fmt: skip


def _settings(settings: Settings) -> Any:
    """Numbers and flags as they are; of texts, which may name a place or somebody, whether they are the usual ones."""
    from streams.catalogue import GROUPS
    from streams.ground.setting import specs

    found: dict[str, Any] = {}
    for group in GROUPS:
        ours = settings if isinstance(settings, group) else settings.of(group)
        for name, spec in specs(group).items():
            value = getattr(ours, name)
            plain = type(value) in (int, float, bool) and not spec.secret
            found[spec.variable] = value if plain else "default" if value == spec.default else "set"
    return found


def _site(settings: Settings) -> Any:
    from streams.ground.site_contents import contents

    return contents(settings.site_dir)


def _status(settings: Settings) -> Any:
    return Client(settings).get("/v1/status")


def _topics(settings: Settings) -> Any:
    from streams.console.reach import look

    if not settings.bootstrap:
        raise nothing_runs(settings)
    return [_shown(each, "topic", "partitions", "records", "lag", "shortened", "complete") for each in look(settings)]


def _systems(settings: Settings) -> Any:
    seen = ("breaker", "minutes", "calls", "failed", "mean_ms", "last_reason", "last_failed")
    listed = Client(settings).get("/v1/systems")["systems"]
    return [
        {
            **_shown(each, "name", "concurrency", "per_s", "timeout_s", "patience_s", "paused"),
            "seen": _shown(each["seen"], *seen),
        }
        for each in listed
        if "." not in each["name"] and ":" not in each["name"]  # else it is an address
    ]


def _incidents(settings: Settings) -> Any:
    listed = Client(settings).get("/v1/incidents", status="open", limit=MOST)["incidents"]
    return _counted(listed, "workflow", "version", "pointer", "function", "reason", "owner")


def _letters(settings: Settings) -> Any:
    listed = Client(settings).get("/v1/letters", status="undecided", limit=MOST)["letters"]
    return _counted(listed, "kind", "processor", "topic", "workflow", "function")


def _alerts(settings: Settings) -> Any:
    listed = Client(settings).get("/v1/alerts", status="open", limit=MOST)["alerts"]
    notices = ("channel", "event", "status", "tries", "reason", "at")
    return [
        {
            **_shown(
                each, "kind", "severity", "workflow", "owner", "count", "total", "since", "opened_at", "rung", "next"
            ),
            "notices": [_shown(notice, *notices) for notice in each["notices"]],
        }
        for each in listed
    ]


PARTS: Mapping[str, Part] = {
    "versions.json": _versions,
    "settings.json": _settings,
    "site.json": _site,
    "status.json": _status,
    "topics.json": _topics,
    "systems.json": _systems,
    "incidents.json": _incidents,
    "letters.json": _letters,
    "alerts.json": _alerts,
}


def _shown(found: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """What is named, and nothing else."""
    return {name: found.get(name) for name in names}


def _counted(found: Iterable[Mapping[str, Any]], *names: str) -> list[dict[str, Any]]:
    """How many there are of each kind, the most frequent first."""
    counts = Counter(tuple(each.get(name) for name in names) for each in found)
    return [{**dict(zip(names, kind, strict=True)), "count": count} for kind, count in counts.most_common()]


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=2, default=str).encode()[:MAX_BYTES]


def _write(target: Path, parts: Mapping[str, bytes]) -> None:
    """For its owner's eyes, and never over a file that is there."""
    try:
        with target.open("xb") as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
            target.chmod(0o600)
            for name, content in sorted(parts.items()):
                entry = tarfile.TarInfo(f"exlify-diagnose/{name}")
                entry.size, entry.mtime = len(content), int(time.time())
                archive.addfile(entry, io.BytesIO(content))
    except FileExistsError:
        raise UsageError(f"{target} is there already. Name another file with --output.") from None
    except OSError as error:
        raise UsageError(f"{target} cannot be written ({error.strerror}). Name another file with --output.") from None
