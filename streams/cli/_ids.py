"""Ids as people give them: all of one, or as much of its beginning as tells it from all others."""

from __future__ import annotations

import re
from urllib.parse import quote

from streams.cli._client import Client
from streams.ground.errors import UsageError
from streams.processors.human.fields import OPEN

LENGTH = 32  # of an instance's id
LOOKED_AT = 10
CUT = "…"  # where a table ended one, copied with it
_DIGITS = re.compile(f"[0-9a-f]{{1,{LENGTH}}}")


def instance_path(client: Client, given: str) -> str:
    """Where the instance stands; raises as `instance_id` does."""
    return f"/v1/instances/{instance_id(client, given)}"


def instance_id(client: Client, given: str) -> str:
    """The id that begins so; raises UsageError where none does, or more than one."""
    digits = given.lower().rstrip(CUT)
    if not _DIGITS.fullmatch(digits):
        raise UsageError(f"{given!r} is no id of an instance: that is {LENGTH} digits of 0-9a-f, or the first of them")
    if len(digits) < LENGTH:
        found = client.get("/v1/instances", instance_id=digits, limit=LOOKED_AT)["instances"]
        digits = _one("instance", digits, [each["instance_id"] for each in found])
    return digits


def incident_path(client: Client, given: str) -> str:
    """Where the incident stands, named by its instance and its number; without one, the only open one is meant."""
    digits, _, number = given.partition("/")
    instance = instance_id(client, digits)
    if not number.rstrip(CUT):
        found = client.get("/v1/incidents", instance_id=instance, status="open", limit=LOOKED_AT)["incidents"]
        number = _one("incident", instance, [each["incident_id"] for each in found]).partition("/")[2]
    return f"/v1/incidents/{instance}/{quote(number, safe='')}"


def delivery_path(client: Client, given: str) -> str:
    """Where the delivery stands, named by its instance and its number; raises UsageError for what is no such name."""
    digits, _, number = given.partition("/")
    if not (number.isascii() and number.isdigit()):
        raise UsageError(f"{given!r} is no id of a delivery: that is an instance and a number, as INSTANCE/1")
    return f"/v1/deliveries/{instance_id(client, digits)}/{number}"


def alert_path(client: Client, given: str) -> str:
    """Where the alert stands. Of several whose id begins so, the only one that is open is meant."""
    digits = given.lower().rstrip(CUT)
    if not _DIGITS.fullmatch(digits):
        raise UsageError(f"{given!r} is no id of an alert: `exlify alerts` shows them")
    if len(digits) < LENGTH:
        found = client.get("/v1/alerts", alert_id=digits, limit=LOOKED_AT)["alerts"]
        is_open = [each for each in found if each["status"] == "open"]
        digits = _one("alert", digits, [each["alert_id"] for each in (is_open if len(is_open) == 1 else found)])
    return f"/v1/alerts/{digits}"


def task_path(client: Client, given: str) -> str:
    """Where the task stands. Of several whose id begins so, the only one that is open is meant."""
    digits, slash, place = given.rstrip(CUT).partition("/")
    begins = digits.lower() + slash + place
    if not _DIGITS.fullmatch(digits.lower()):
        raise UsageError(f"{given!r} is no id of a task: `exlify tasks` shows them")
    if not _is_whole(begins):
        found = client.get("/v1/tasks", task_id=begins, limit=LOOKED_AT)["tasks"]
        is_open = [each for each in found if each["status"] == OPEN]
        begins = _one("task", begins, [each["task_id"] for each in (is_open if len(is_open) == 1 else found)])
    return f"/v1/tasks/{quote(begins, safe='/')}"


def _is_whole(task: str) -> bool:
    """Whether the id ends as those of steps do, with iteration and attempt."""
    return re.fullmatch(rf"[0-9a-f]{{{LENGTH}}}/.+/\d+/\d+", task) is not None


def _one(what: str, begins: str, found: list[str]) -> str:
    if not found:
        raise UsageError(f"No {what} whose id begins with {begins} has been seen, or not yet.")
    if len(found) > 1:
        raise UsageError(f"{begins} is how several ids begin; give more of it: {', '.join(found)}")
    return found[0]
