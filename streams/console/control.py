"""`/instances/{id}/control`: an instance stands still, goes on, moves to the version in force, or is run once more."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final

from schemas.lifecycle import TERMINAL, Status
from streams.console.forms import FormFaultError, json_of
from streams.console.page import Page, Shown, Visit, see_other
from streams.console.rights import Act, Target, require
from streams.gateway.controls import control
from streams.gateway.instances import known_instance
from streams.gateway.problems import ProblemError
from streams.gateway.repairs import LATEST
from streams.gateway.reruns import rerun
from streams.readmodel.paging import Found

WORDS: Final[Mapping[str, str]] = {
    "suspend": "Suspend",
    "resume": "Resume",
    "move": "Move to the version in force",
    "rerun": "Run again",
}
DID: Final[Mapping[str, str]] = {
    "suspend": "suspended",
    "resume": "resumed",
    "move": "moved",
    "rerun": "ran again the case of",
}


def acts_of(visit: Visit, row: Found) -> tuple[str, ...]:
    """What can be done to an instance now, beside cancelling it."""
    newest = visit.services.definitions.latest(row["workflow"])
    moves = ("move",) if newest is not None and newest.digest != row["digest"] else ()
    again = ("rerun",) if newest is not None else ()
    if row["status"] in TERMINAL:
        return again
    return ("resume" if row["status"] == Status.SUSPENDED else "suspend", *moves, *again)


async def act(visit: Visit) -> Shown:
    """Does it; the page that follows is that of the instance, or of the one that was started."""
    row = await known_instance(visit.request)
    instance_id = row["instance_id"]
    require(visit.actor, Act.CANCEL, Target("instance", instance_id))
    form = await visit.form()
    action, name = form.get("action", ""), (form.get("action_id") or uuid.uuid4().hex)[:100]
    wish: dict[str, Any] = {"why": form.get("why", "").strip(), "actor": visit.actor.name}
    if action == "rerun":
        if form.get("input", "").strip():
            wish["input"] = _json(form["input"])
        return see_other(f"/instances/{await rerun(visit.services, row, wish, name)}")
    if action not in WORDS:
        raise ProblemError(422, "request-invalid", f"Choose what is to be done: {', '.join(WORDS)}.")
    await control(visit.services, row, action, wish | ({"definition": LATEST} if action == "move" else {}), name)
    return see_other(f"/instances/{instance_id}")


def _json(text: str) -> Any:
    try:
        return json_of("input", text)
    except FormFaultError as error:
        raise ProblemError(422, "request-invalid", f"{error}.") from None


PAGES = (Page(path="/instances/{instance_id}/control", show=act, section="/instances", method="POST"),)
