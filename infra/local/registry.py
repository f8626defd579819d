"""Apicurio Registry, a schema registry with Confluent's interface, its schemas in a file (H2), on loopback."""

from __future__ import annotations

from infra.local import artifacts, java, ports
from infra.local.answering import answers
from infra.local.archive import unpack
from infra.local.process import Launch
from infra.local.server import Server

HEAP_MIB = (64, 256)
ASK_TIMEOUT_S = 2.0


class RegistryServer(Server):
    """A real registry; `start()` gives `url`, `stop()` and `kill()` leave its schemas for the next start."""

    name = "registry"
    _ports: dict[str, int]

    @property
    def url(self) -> str:
        """The base of Confluent's interface, version 7."""
        return f"http://{ports.LOOPBACK}:{self._ports['http']}/apis/ccompat/v7"

    @property
    def address(self) -> str:
        """The same as `url`."""
        return self.url

    @property
    def metrics_url(self) -> str | None:
        """On a port of its own."""
        return f"http://{ports.LOOPBACK}:{self._ports['management']}/metrics"

    def answers(self) -> bool:
        """Whether it lists its subjects: only then its database is open."""
        return lists_subjects(self.url)

    def _prepare(self) -> Launch:
        (archive,) = artifacts.fetch(["registry"], self.cache_dir, self._progress, self._mirror)
        application = unpack(archive, self.cache_dir)
        self._ports = ports.remembered(self.home / "ports.json", ["http", "management"])
        program = application / "quarkus-run.jar"
        flags = [
            *self._class_flags(["-jar", str(program)], [program]),
            # Schemas are looked up once per process: a quick start is worth more here than the full compiler.
            "-XX:TieredStopAtLevel=1",
            *(f"-D{key}={value}" for key, value in self._properties().items()),
        ]
        argv = java.command(HEAP_MIB, flags, ["-jar", str(program)])
        return Launch(argv, self.log, java.CLEAN_ENVIRONMENT)

    def _properties(self) -> dict[str, str]:
        return {
            "quarkus.http.host": ports.LOOPBACK,
            "quarkus.http.port": str(self._ports["http"]),
            # Health and metrics, on a port of their own.
            "quarkus.management.host": ports.LOOPBACK,
            "quarkus.management.port": str(self._ports["management"]),
            "apicurio.datasource.url": f"jdbc:h2:file:{self.home / 'schemas'}",
            "quarkus.log.console.color": "false",
        }


def lists_subjects(url: str) -> bool:
    """Whether a registry at `url` answers with its subjects within two seconds."""
    return answers(f"{url}/subjects", ASK_TIMEOUT_S)
