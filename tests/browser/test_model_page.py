"""The page of a model as people open it: a file, in a window of any width, in either scheme and on paper."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.making.page import model_page
from models.serving.registry import FOLDER
from tests.support.browser import Visitor, browser, visitor

pytestmark = pytest.mark.browser

TORN = """() => [...document.querySelectorAll("th, table:not(.facts) td")].flatMap((cell) => {
  const text = cell.firstChild;
  return text?.nodeType !== Node.TEXT_NODE ? [] : [...text.data.matchAll(/[^\\s-]+/g)].filter((word) => {
    const range = document.createRange();
    range.setStart(text, word.index);
    range.setEnd(text, word.index + word[0].length);
    return range.getClientRects().length > 1;
  }).map((word) => word[0]);
})"""
"""The words of tables that go on in a second line; values beside a name may, which can be hashes."""
CUT = """() => [...document.querySelectorAll("section *")].filter((each) => each.scrollWidth > each.clientWidth + 1
  && getComputedStyle(each).overflowX !== "visible").map((each) => each.outerHTML.slice(0, 80))"""
A4 = 718  # pixels between the margins


@pytest.mark.parametrize("name", ["credit-risk/2", "credit-approval/1"])
async def test_page_of_a_model_is_readable_in_every_window_and_on_paper(tmp_path: Path, name: str) -> None:
    file = tmp_path / "model.html"
    file.write_text(model_page(FOLDER / name), encoding="utf-8")
    async with browser() as started, visitor(started) as somebody:
        await somebody.page.goto(file.as_uri())
        for width in (1280, 390):
            await somebody.page.set_viewport_size({"width": width, "height": 900})
            await somebody.clean()
            assert await torn(somebody) == [], width
        await somebody.page.set_viewport_size({"width": A4, "height": 1000})
        await somebody.page.emulate_media(media="print")
        assert await torn(somebody) == [] and await somebody.page.evaluate(CUT) == []
        assert await somebody.faults(everything=False) == []
        await somebody.page.set_viewport_size({"width": 390, "height": 600})  # paper on which not even words have room
        assert await somebody.faults(everything=False) == []


async def torn(somebody: Visitor) -> list[str]:
    found: list[str] = await somebody.page.evaluate(TORN)
    return found
