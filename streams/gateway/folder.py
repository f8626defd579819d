"""`/v1/site`: which files the site folder of the gateway holds, by their digests."""

from __future__ import annotations

import asyncio

from aiohttp import web

from streams.gateway.answers import TEXT, json_answer
from streams.gateway.openapi import Route, list_of, object_of
from streams.gateway.services import services
from streams.ground.site_contents import contents


async def list_files(request: web.Request) -> web.Response:
    """Nothing of what is in them."""
    found = await asyncio.to_thread(contents, services(request).settings.site_dir)
    return json_answer({"files": [{"name": name, "digest": digest} for name, digest in sorted(found.items())]})


ROUTES = (
    Route(
        method="GET",
        path="/v1/site",
        handler=list_files,
        summary="List the files of the site folder, each with the beginning of its digest.",
        answers={200: object_of({"files": list_of(object_of({"name": TEXT, "digest": TEXT}))})},
        verb="site diff",
    ),
)
