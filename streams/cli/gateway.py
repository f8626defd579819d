"""`exlify gateway`: the HTTP interface."""

from __future__ import annotations

from dataclasses import replace

import click


@click.command(
    epilog="""\b
Examples:
  exlify gateway                       listens on EXLIFY_HOST:EXLIFY_GATEWAY_PORT
  exlify gateway --port 0              picks a free port and logs it
  EXLIFY_API_TOKEN=... exlify gateway --host 0.0.0.0
"""
)
@click.option("--host", help="Address to listen on. Default: EXLIFY_HOST, which is loopback unless set.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on. Default: EXLIFY_GATEWAY_PORT.")
def command(host: str | None, port: int | None) -> None:
    """Serve the console (/) and the HTTP interface (described at /openapi.json) until told to stop."""
    import uvloop

    from streams.catalogue import FUNCTIONS
    from streams.cli._client import with_kafka
    from streams.console import install
    from streams.gateway.server import serve
    from streams.gateway.settings import GatewaySettings
    from streams.ground import arenas, logs
    from streams.ground.settings import keep_private

    keep_private()
    arenas.share()
    settings = with_kafka()
    ours = settings.of(GatewaySettings)
    settings = replace(settings, host=host or settings.host).with_(
        replace(ours, port=ours.port if port is None else port)
    )
    logs.configure(settings)
    uvloop.run(serve(settings, FUNCTIONS, install))
