"""The gateway process: routes, what they work with, and their life."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import structlog
from aiohttp import web
from sqlalchemy import Engine

from connectors.webhook import DECLARATION as WEBHOOK
from models.serving.shelf import Shelf
from schemas.functions import Function
from streams.definitions.feed import DefinitionFeed
from streams.definitions.own import KafkaOwnFunctions
from streams.files.watching import Watching
from streams.gateway import (
    alerts,
    bottlenecks,
    controls,
    decisions,
    definition_acts,
    definitions,
    deliveries,
    delivery_acts,
    event_types,
    events,
    figures,
    folder,
    functions,
    hurrying,
    incidents,
    instances,
    letter_acts,
    letters,
    repairs,
    replays,
    report,
    reruns,
    schemas,
    systems,
    tasks,
    truth,
    verification,
)
from streams.gateway.access import guard, plain
from streams.gateway.answers import json_answer
from streams.gateway.closing import closing
from streams.gateway.hooks import Hooks, name_former_file
from streams.gateway.openapi import Route, document
from streams.gateway.problems import Handler, refusals
from streams.gateway.protocol import Runner
from streams.gateway.services import SERVICES, Services
from streams.gateway.settings import GatewaySettings
from streams.gateway.watchdogs import watching
from streams.ground.codec import open_codec
from streams.ground.errors import ConfigurationError, UnavailableError
from streams.ground.probes import SiteProbe, kafka_probe, probed
from streams.ground.provision import look_at_cluster
from streams.ground.publish import Publisher
from streams.ground.settings import Settings
from streams.ground.site import Site
from streams.ground.status import status_routes
from streams.messages.watching import Watching as WatchingMessages
from streams.processors import ALL
from streams.processors.call.connections import Addresses
from streams.processors.call.pauses import PauseFeed
from streams.processors.call.processor import hub_for
from streams.processors.call.reports import SeenFeed
from streams.processors.costs import Costs
from streams.processors.decide.bringing import bringing
from streams.processors.decide.places import folders
from streams.processors.human import ACTIONS
from streams.processors.intake import backlog
from streams.processors.orchestrate import INBOX
from streams.processors.recover import ACTIONS as RETRY_ACTIONS
from streams.processors.view.reader import Reader
from streams.readmodel.database import database, prepare
from streams.readmodel.probe import read_model_probe
from streams.readmodel.projection import projections
from streams.rows.watching import Watching as WatchingRows
from streams.runtime.garbage import look_less_often

log = structlog.get_logger()


async def openapi(request: web.Request) -> web.Response:
    """The document that describes this interface."""
    return json_answer(document(ROUTES))


WRITTEN = (INBOX, ACTIONS, RETRY_ACTIONS)
"""The topics that have to be there for whoever decides something."""

ROUTES = (
    *events.ROUTES,
    *event_types.ROUTES,
    *instances.ROUTES,
    *repairs.ROUTES,
    *controls.ROUTES,
    *reruns.ROUTES,
    *hurrying.ROUTES,
    *incidents.ROUTES,
    *alerts.ROUTES,
    *letters.ROUTES,
    *letter_acts.ROUTES,
    *definitions.ROUTES,
    *definition_acts.ROUTES,
    *schemas.ROUTES,
    *functions.ROUTES,
    *decisions.ROUTES,
    *truth.ROUTES,
    *tasks.ROUTES,
    *systems.ROUTES,
    *deliveries.ROUTES,
    *delivery_acts.ROUTES,
    *folder.ROUTES,
    *replays.ROUTES,
    *verification.ROUTES,
    *figures.ROUTES,
    *bottlenecks.ROUTES,
    *report.ROUTES,
    Route(
        method="GET",
        path="/openapi.json",
        handler=openapi,
        summary="This document.",
        answers={200: {"type": "object"}},
        open=True,
    ),
)


Install = Callable[[web.Application, Services], Collection[Handler]]
"""Adds routes that are no part of the interface; gives those that see to it themselves who may come in."""


def make_app(services: Services, install: Install | None = None) -> web.Application:
    """The application; `services` are opened and closed by the caller, `install` adds the console."""
    settings = services.settings
    status = status_routes(services.ready)
    open_to_all = {*(route.handler for route in ROUTES if route.open), *(route.handler for route in status)}
    middlewares = [refusals, plain, guard(settings, open_to_all)]
    app = web.Application(middlewares=middlewares, client_max_size=settings.of(GatewaySettings).max_body_bytes)
    app[SERVICES] = services
    app.add_routes([web.RouteDef(route.method, route.path, route.handler, {}) for route in ROUTES])
    app.add_routes(status)
    if install is not None:
        open_to_all.update(install(app, services))
    return app


async def serve(settings: Settings, functions: Mapping[str, Function], install: Install | None = None) -> None:
    """Serves until SIGTERM or SIGINT; `functions` are those that definitions can call, `install` adds the console.

    Raises ConfigurationError if the port is taken, UnavailableError if Kafka or SQL is away.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    port = settings.of(GatewaySettings).port
    async with opened(settings, functions) as services:
        runner = Runner(make_app(services, install), access_log=None, shutdown_timeout=services.answer_timeout_s)
        await runner.setup()
        try:
            await web.TCPSite(runner, settings.host, port).start()
        except OSError as error:
            raise ConfigurationError(
                f"Port {port} on {settings.host} cannot be used ({error.strerror}). "
                "Choose another with EXLIFY_GATEWAY_PORT."
            ) from None
        look_less_often()
        host, actual_port = runner.addresses[0][:2]
        log.info("gateway listens", url=f"http://{host}:{actual_port}")
        await stop.wait()
        await runner.cleanup()


async def _read_model(settings: Settings) -> Engine:
    """The database. While it is away, whatever asks it is refused, and events are taken in; the view makes its tables.

    Raises ConfigurationError as `open_database` does.
    """
    engine = database(settings)
    try:
        await asyncio.to_thread(prepare, engine, projections(ALL))
    except UnavailableError as error:
        log.warning("read model away", reason=str(error))
    return engine


@asynccontextmanager
async def _sources(**given: Any) -> AsyncIterator[None]:
    """Files, rows and messages of others, made events of; for as long as the context lasts."""
    kinds: tuple[Callable[..., Any], ...] = (Watching, WatchingRows, WatchingMessages)
    async with AsyncExitStack() as stack:
        for kind in kinds:
            await stack.enter_async_context(kind(**given).running())
        yield


@asynccontextmanager
async def opened(settings: Settings, functions: Mapping[str, Function]) -> AsyncIterator[Services]:
    """Everything that the handlers need, connected; `functions` are those that definitions can call."""
    site = Site(settings.site_dir)
    hooks = Hooks(settings, site)
    addresses = Addresses(settings, site)
    costs = Costs(addresses, site, Shelf(folders(settings)))
    name_former_file(settings)
    await asyncio.to_thread(look_at_cluster, settings, WRITTEN)
    codec = await open_codec(settings)
    engine = await _read_model(settings)
    feed = DefinitionFeed(settings, codec, functions)
    pauses, seen = PauseFeed(settings, codec), SeenFeed(settings, codec)
    try:
        await feed.start()
        await pauses.start()
        seen.start()
        kafka = kafka_probe(settings, tuple(each.name for each in WRITTEN))
        ready = probed(kafka, read_model_probe(engine), SiteProbe(site))
        own = KafkaOwnFunctions(settings, codec)
        async with (
            Publisher(settings) as publisher,
            hub_for(settings, addresses, pauses, only=(WEBHOOK,)) as hub,
            site.followed(),
            bringing(settings),
            backlog.followed(settings) as waiting,
            _sources(
                site=site, settings=settings, addresses=addresses, codec=codec, publisher=publisher, types=feed.types
            ),
        ):
            made = Services(
                settings=settings,
                codec=codec,
                publisher=publisher,
                definitions=feed,
                reader=Reader(engine),
                hooks=hooks,
                own=own,
                addresses=addresses,
                pauses=pauses,
                hub=hub,
                seen=seen,
                prices=costs.prices,
                backlog=waiting,
                ready=ready,
            )
            async with closing(made), watching(made):
                yield made
    finally:
        await feed.close()
        await pauses.close()
        await seen.close()
        engine.dispose()
