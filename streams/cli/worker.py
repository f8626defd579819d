"""`exlify worker`: one process that hosts processors."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from streams.cli._steps import steps_option

YIELDING = 10  # niceness of a process that hosts nothing on the way of live events


@click.command(
    epilog="""\b
Examples:
  exlify worker orchestrate                      one processor in this process
  exlify worker intake,decide,call,human --name steps
  exlify worker --steps my_steps.py --reload     steps of your own, begun anew when the file changes
  EXLIFY_BOOTSTRAP=kafka-1:9092 EXLIFY_REGISTRY_URL=none exlify worker orchestrate   join an outside cluster
"""
)
@click.argument("processors", required=False)
@steps_option
@click.option(
    "--name",
    help="Names this worker's state folder; two workers of one name cannot run at once. Default: all it runs.",
)
@click.option("--port", default=0, show_default=True, help="Port of /metrics, /livez and /readyz; 0 picks a free one.")
@click.option("--port-file", type=click.Path(path_type=Path), help="Write the address of /metrics there, as JSON.")
@click.option("--reload", is_flag=True, help="Begin anew when the files of own steps change.")
def command(
    processors: str | None, places: Sequence[Path], name: str | None, port: int, port_file: Path | None, reload: bool
) -> None:
    """Run PROCESSORS (names separated by commas), or own steps, until told to stop."""
    import uvloop

    from streams.ground import arenas
    from streams.ground.errors import UsageError
    from streams.ground.settings import keep_private

    keep_private()
    arenas.share()
    if not (processors or places):
        raise UsageError("Say what to run: names of processors, or --steps with a file of your own.")
    if reload and places:
        from streams.cli._reload import run_reloading

        given = {"--name": name, "--port": port, "--port-file": port_file}
        said = [f"{option}={value}" for option, value in given.items() if value is not None]
        files = [f"--steps={place}" for place in places]
        raise SystemExit(run_reloading([*([processors] if processors else []), *files, *said], places))
    names = processors.split(",") if processors else []
    usual = "-".join([*names, *(place.stem for place in places)])
    uvloop.run(_run(names, places, name or usual, port, port_file))


async def _run(processors: list[str], places: Sequence[Path], name: str, port: int, port_file: Path | None) -> None:
    from streams import catalogue
    from streams.cli import _trial as trial
    from streams.definitions.feed import DefinitionFeed
    from streams.definitions.own import announce
    from streams.ground import logs, status
    from streams.ground.codec import open_codec
    from streams.ground.errors import ConfigurationError
    from streams.ground.probes import SiteProbe, probed
    from streams.ground.provision import provision
    from streams.ground.publish import Publisher
    from streams.ground.site import Site
    from streams.runtime.worker import Worker
    from streams.steps.loading import load_steps

    loaded = catalogue.load_settings()
    if not loaded.bootstrap:
        raise ConfigurationError(
            "No Kafka: set EXLIFY_BOOTSTRAP to its address, or start a local one with `exlify up`."
        )
    logs.configure(loaded)
    steps = load_steps(places)
    known = catalogue.functions(steps)
    codec = await open_codec(loaded)
    site, feed = Site(loaded.site_dir), DefinitionFeed(loaded, codec, known)
    names = [*processors, *(step.name for step in steps)]
    hosted = catalogue.make_processors(names, loaded, codec, feed, site, steps)
    if steps:
        await provision(loaded, catalogue.own_topics(loaded, steps))
        async with Publisher(loaded) as publisher:
            await announce(publisher, codec, (step.function for step in steps))
    if all(each.declaration.background for each in hosted):
        os.nice(YIELDING)
    worker = Worker(name, hosted, loaded, codec, partial(trial.command, places=places))
    try:
        runner, actual_port = await status.serve_status(loaded.host, port, probed(worker, SiteProbe(site)))
    except OSError as error:
        raise ConfigurationError(
            f"Port {port} on {loaded.host} cannot be used ({error.strerror}). Choose another with --port."
        ) from None
    if port_file is not None:
        _write(port_file, {"name": name, "metrics": f"http://{loaded.host}:{actual_port}/metrics"})
    async with site.followed():
        await worker.run()
    await runner.cleanup()


def _write(path: Path, content: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(content))
    fresh.replace(path)
