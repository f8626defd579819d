"""What can be computed of the look: contrast of every pair of colours that carries text, and what pages promise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from aiohttp import web

from streams.console import serving
from streams.console.rendering import HERE, STATIC, environment

CSS = (STATIC / "console.css").read_text()
GROUNDS = ("bg", "surface", "sunken", "hover")
PAIRS = [
    *((text, ground) for text in ("text", "text-2") for ground in GROUNDS),
    *(("text-3", ground) for ground in ("bg", "surface")),
    *(("accent", ground) for ground in (*GROUNDS, "accent-soft")),
    *((name, ground) for name in ("ok", "run", "wait", "bad", "off") for ground in (f"{name}-soft", "surface")),
    ("on-accent", "accent"),
]
LINES = [(f"{name}-line", "surface") for name in ("ok", "run", "wait", "bad")] + [("edge", "surface"), ("edge", "bg")]


def tokens(scheme: str) -> dict[str, str]:
    light, dark = re.findall(r":root \{(.*?)\}", CSS, flags=re.DOTALL)[:2]
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light))
    return found | (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", dark)) if scheme == "dark" else {})


def contrast(one: str, other: str) -> float:
    """As WCAG 2 computes it."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_can_be_read_on_its_ground(scheme: str, text: str, ground: str) -> None:
    found = tokens(scheme)
    assert contrast(found[text], found[ground]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("line", "ground"), LINES)
def test_lines_that_matter_can_be_seen(scheme: str, line: str, ground: str) -> None:
    found = tokens(scheme)
    assert contrast(found[line], found[ground]) >= 2.8


def test_both_schemes_have_every_colour() -> None:
    light, dark = re.findall(r":root \{(.*?)\}", CSS, flags=re.DOTALL)[:2]
    names = set(re.findall(r"--([\w-]+): #", light))
    assert names == set(re.findall(r"--([\w-]+): #", dark))


@pytest.mark.parametrize("path", [*STATIC.iterdir(), *(HERE / "templates").iterdir()], ids=lambda path: path.name)
def test_nothing_comes_from_elsewhere_or_stands_inline(path: Path) -> None:
    text = path.read_text()
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert not re.findall(r"<style|<script(?! src=)|\sstyle=|\son\w+=|\|\s*safe\b", text)


def test_every_template_can_be_read() -> None:
    for name in environment().list_templates():
        environment().get_template(name)


def test_every_act_asks_whether_it_may_be_done() -> None:
    """Acts are the pages that take a POST; those of the entry are about oneself."""
    for page in serving.PAGES:
        if page.method != "GET":
            assert "require" in page.show.__code__.co_names, page.path


def test_pages_of_one_address_are_told_apart_by_their_method() -> None:
    routes = [(page.method, page.path) for page in serving.PAGES]
    assert len(routes) == len(set(routes))
    assert all(path.startswith("/") and not path.startswith("/v1") for _, path in routes)
    web.Application().add_routes([web.RouteDef(method, path, _nothing, {}) for method, path in routes])


async def _nothing(request: web.Request) -> web.Response:
    return web.Response()
