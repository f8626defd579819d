"""The system's Chromium, driven by Playwright, and what every page has to keep: no complaint in its console, no
violation of its policy, no fault that axe finds.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

NAMES = ("chromium-headless-shell", "chromium", "google-chrome")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
VIOLATIONS = (
    "addEventListener('securitypolicyviolation', (e) => console.error('policy', e.violatedDirective, e.blockedURI))"
)


def executable() -> str:
    """Where the browser is. Skips the test where there is none; fails it where CI has none (`make peers`)."""
    found = os.environ.get("EXLIFY_TEST_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        said = "no Chromium here: `make peers` installs one, EXLIFY_TEST_BROWSER names one"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(said)
    return found


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """A browser without a window."""
    path = executable()
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield started
        finally:
            await started.close()


class Visitor:
    """Somebody at a browser; `complaints` are what the browser has to say about our pages."""

    def __init__(self, context: BrowserContext, page: Page) -> None:
        self.context, self.page = context, page
        self.complaints: list[str] = []

    async def another(self) -> Visitor:
        """One more tab of the same browser."""
        return await _visitor(self.context)

    async def faults(self, *, everything: bool = True) -> list[str]:
        """Whether the page is wider than its window, and what axe finds where `everything` is asked for."""
        found: list[dict[str, Any]] = []
        if everything:
            await self.page.evaluate(_axe())
            found = await self.page.evaluate("async () => (await axe.run()).violations")
        told = [f"{each['id']}: {node['html'][:200]}" for each in found for node in each["nodes"]]
        wider = await self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        return told + ([f"{wider} px too wide"] if wider > 0 else [])

    async def clean(self) -> None:
        """Fails where the page has a fault in either scheme."""
        for scheme in SCHEMES:
            await self.page.emulate_media(color_scheme=scheme)
            found = await self.faults()
            assert found == [], f"{self.page.url}, {scheme}: {found}"


@asynccontextmanager
async def visitor(started: Browser, **options: Any) -> AsyncIterator[Visitor]:
    """Somebody with a browser of their own; at the end it must have had nothing to complain of."""
    context = await started.new_context(**options)
    if options.get("java_script_enabled", True):
        await context.add_init_script(VIOLATIONS)
    try:
        made = await _visitor(context)
        yield made
        assert made.complaints == []
    finally:
        await context.close()


async def _visitor(context: BrowserContext) -> Visitor:
    page = await context.new_page()
    made = Visitor(context, page)
    page.on("console", lambda message: made.complaints.append(message.text))
    page.on("pageerror", lambda error: made.complaints.append(str(error)))
    return made


@cache
def _axe() -> str:
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
