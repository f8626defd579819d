"""Whatever can be changed over HTTP can be changed by a command, and nobody is let in by accident."""

from __future__ import annotations

import click
import pytest

from streams.cli import group
from streams.gateway.openapi import Route
from streams.gateway.server import ROUTES

CHANGING = [route for route in ROUTES if route.method != "GET"]
WITH_VERB = [route for route in ROUTES if route.verb is not None]
OPEN = {"/v1/hooks/{name}", "/openapi.json"}


def named(route: Route) -> str:
    return f"{route.method} {route.path}"


@pytest.mark.parametrize("route", CHANGING, ids=named)
def test_every_change_has_a_verb_or_is_for_systems(route: Route) -> None:
    assert (route.verb is None) == route.for_systems


@pytest.mark.parametrize("route", WITH_VERB, ids=named)
def test_every_verb_is_a_command_that_exists(route: Route) -> None:
    context = click.Context(group)
    command: click.Command | None = group
    for name in (route.verb or "").split():
        assert isinstance(command, click.Group), f"exlify {route.verb}"
        command = command.get_command(context, name)
    assert command is not None, f"exlify {route.verb}"


def test_only_these_routes_need_no_token() -> None:
    assert {route.path for route in ROUTES if route.open} == OPEN
