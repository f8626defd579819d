"""What `exlify up --watch` needs: Prometheus, and the file with which the broker tells its figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from streams.cli._output import echo

if TYPE_CHECKING:
    from infra.local.datafolder import DataFolder
    from infra.local.process import Launch
    from infra.local.supervisor import Stage
    from streams.ground.servers import ServerSettings


def exporter(settings: ServerSettings) -> Path | None:
    """The JMX exporter; None, and a line about it, where it cannot be had: all but the broker is watched then."""
    from infra.local import artifacts
    from infra.local.errors import LocalError
    from infra.local.progress import on_stderr

    cache = settings.cache_dir or artifacts.default_cache_dir()
    try:
        (jar,) = artifacts.fetch(["jmx"], cache, on_stderr, settings.maven_repository)
    except LocalError as error:
        echo(f"! The broker tells no figures of its own: {error}", err=True)
        return None
    return jar


def watching_with(folder: DataFolder) -> tuple[Stage, str] | None:
    """Prometheus and its address; None, and a line about it, where it is not installed."""
    from infra.local.child import ChildSpec
    from infra.local.supervisor import Stage
    from infra.prometheus import server

    if not server.installed():
        echo("! Prometheus is not installed, so nothing is watched. On Debian: apt-get install prometheus", err=True)
        return None
    port = server.port_of(folder.path)
    url = server.url_of(port)

    async def publish_address() -> None:
        folder.publish({"prometheus": url})

    def prepare() -> Launch:
        return server.launch(folder.path, port)

    child = ChildSpec("prometheus", prepare, lambda: server.is_ready(url))
    return Stage([child], publish_address), url
