"""Answers: JSON, and the schemas that several of them share."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from streams.gateway.openapi import Schema
from streams.readmodel.presentation import dumps

TEXT: Schema = {"type": "string"}
OPTIONAL_TEXT: Schema = {"type": ["string", "null"]}
UNREADABLE: Schema = {"type": "integer", "description": "Rows that were left out, since nobody can read them."}


def json_answer(value: Any, status: int = 200) -> web.Response:
    """The value as JSON."""
    return web.Response(status=status, body=dumps(value), content_type="application/json")
