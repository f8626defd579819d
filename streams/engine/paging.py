"""A list in pages: what a step that asks for all of them has so far, and what it asks with next.

Each page is a step of its own, whose answer is `{items, next}`. The list is bounded in pages and in bytes; a list that
has more is an error and never cut.
"""

from __future__ import annotations

import msgspec

from schemas.payload import Json
from schemas.reasons import Reason
from schemas.steps import Problem, problem

USUAL_PAGES = 100
MOST, AT = "most", "at"


class Pages(msgspec.Struct, array_like=True, gc=False):
    """What the pages until now have given."""

    items: list[Json] = msgspec.field(default_factory=list)
    count: int = 0
    bytes: int = 0
    at: Json = None  # what the page under way was asked with


def joined(pages: Pages, output: Json, size: int, declared: Json, most_bytes: int, pointer: str) -> Pages | Problem:
    """With one page more; `at` of it is what the next is asked with, None where this was the last.

    `declared` is what the call says of its pages; `size` are the bytes of this one.
    """
    if not isinstance(output, dict) or not isinstance(output.get("items"), list):
        return problem(Reason.CONTRACT_DRIFT, "the step has answered no page", pointer)
    found, following = output["items"], output.get("next")
    count, total = pages.count + 1, pages.bytes + size
    most = declared.get(MOST, USUAL_PAGES) if isinstance(declared, dict) else USUAL_PAGES
    if total > most_bytes:
        what = f"the list has more than {most_bytes} bytes; narrow the query, or ask for it in parts"
        return problem(Reason.REPLY_TOO_LARGE, what, pointer)
    if following is not None and (not isinstance(most, int) or count >= most):
        what = f"the list has more than {count} pages; narrow the query, or write pages: {{most: ...}}"
        return problem(Reason.REPLY_TOO_LARGE, what, pointer)
    if following is not None and following == pages.at:
        return problem(Reason.CONTRACT_DRIFT, "a page names itself as the next", pointer)
    return Pages([*pages.items, *found], count, total, following)


def asking(arguments: Json, name: str, pages: Pages) -> Json:
    """The arguments for the next page; the same for the first."""
    if pages.at is None:
        return arguments
    return {**arguments, name: {**arguments[name], AT: pages.at}}
